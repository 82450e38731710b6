"""What texts are made of."""

import re

CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
"""Characters that nobody sees and that no text needs, as a class of regular expressions has them."""
LINE_ENDS = rf"{CONTROLS}\t\n\r\u2028\u2029"
"""Those, and what sets a text in lines and columns."""


def is_one_line(text: str) -> bool:
    """Whether it stands in one line wherever it is shown."""
    return re.search(f"[{LINE_ENDS}]", text) is None

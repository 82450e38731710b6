"""What mails say that carry a token: plain text, and the way to use it."""


def way(front_end: str | None, page: str, token: str, call: str, members: str) -> str:
    """How to use a token: a page of the front-end, where there is one, or the request to make.

    The address is the one that the settings name, never that of a request. The token stands in the fragment, which no
    browser sends and no log keeps.
    """
    if front_end:
        return f"open this page:\n\n{front_end}/{page}#token={token}"
    return f'send this request:\n\nPOST {call}\n{{"token": "{token}", {members}}}'


def paragraphs(*texts: str) -> str:
    """A text of these paragraphs."""
    return "\n\n".join(texts) + "\n"

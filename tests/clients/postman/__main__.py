"""Write the collection and the environment anew: `python -m tests.clients.postman`."""

from tests.clients.postman.collection import FOLDER, files

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Files of people: parts on their way in (uploads), the photos and documents made of them (library), their bytes
(content), and the references by which each viewer may fetch them (references).

An upload is private to its uploader. What is made of it has an id, and for each viewer an access hash and references,
of its own, however often the same bytes were uploaded before (SECURITY 6.6). Holders of a photo or document are
counted: a message, a profile, a sticker set. One that nobody holds goes after a day, and its chunks a while later.
"""

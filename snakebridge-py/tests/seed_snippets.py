"""The blocks of Python of the seed document, by section, and what tells that they are its own to the byte."""

import re
from pathlib import Path

SNIPPETS = dict(
    re.findall(
        r"^## (.+?)\n\n```python\n(.*?)\n```$",
        (Path(__file__).parent / "seed/snippets.md").read_bytes().decode(),
        re.MULTILINE | re.DOTALL,
    )
)

HASHES = {
    "2.2": "6414e707911e28aaca843d4998ce9de7b9d90679063e566eaf4f636bdd41b999",
    "3.1": "79c79890e008437ce80f0b0cdcf1a25e6bc76b649578c09e23032b084f01f17d",
    "3.2 state": "2d5496e578e9971d15535149e6a6a1d74ca87879a594d357a041d0a0660472cd",
    "3.2 discovery": "4ec8678623506173498a7a02a669d5d978afe70fa67ba5e49d072e70b0fcdba7",
    "3.2 introspection": "fa11312d20455db8cbd68ab70453ae451fe4a1c129d18388aacbda8e2fd2102b",
    "3.3 adapter": "b166165120699b737ffa0b8d5d8cd1ef2245d3241b90c8cb37fe026c0bf691bd",
    "3.3 handler": "945230b1bf055c0cd4bc6d394bcbfd47ffec1fea0e8ee92b9a5e8efc3dd4ae65",
    "4.1": "4606b629f7f48af9f2b4b7c77cc43ebddf690647afb6e7d7baffd184575d9d6c",
    "4.2": "e5efae5bf2bd5b0b54f2124dba0913cc4224f8ad2c74181f19a02ca05ec9291c",
    "4.3": "de1691e99e6cd6b8aa30cbf6c9f4b8e136948f236d5f06e1167f3600f76f6438",
    "4.4": "e04bcf30cc556dd25ca7d33c44560d1f8e02fe041153691d80e9433c0bd9d924",
    "4.5": "84afe75e53a1c8f37a55eb9971d688618e942661f26a3558257e8140adc33cff",
    "5.1": "d861d7caf376d9d4afec908d8a79ad46e2a15a51b1cabeaff2bca1205184d9e5",
    "5.2 introspection": "d412557135d2ef427f07d56998ec3b0011d0f763c415d58e5176b3a8330470f0",
    "5.2 example": "da94090cf3335deaff6f26339dbe986a2969c4a7698a3055bc8bba88179400a1",
    "5.3 loading": "5dfbfc8558c48184a4438bfd43d52356de20872182dc6bc8b55e6bbd5cf40d77",
    "5.3 usage": "b34a4974b133cb42a897ea0adba3af2e4c7f31f082940d1198512b83e6d14fbd",
    "5.4 sync": "d2801bea241fd6318496cc20509ce591faac22fb9ad61b7fb627425548a06c0f",
    "5.4 async": "6f9a275759da8204a501db221dc084fd5a614cfbedce5dcd1453861d55bee504",
    "6.1": "9373b802f458eb40d414d0a13c3c3ba13f69d9c12dbf28e5a6d7a7bf472c78f0",
    "7.3 context": "05958934586fb4afed3a00e7d46ede5cd6783224cac6a77c297749f5c330c658",
    "7.3 discovery": "ddef607c69914715dd74232cba3261af4a68a6247d413783f84e4c7d990c633d",
    "7.3 registration": "3b48f0f9adc8c86fbccc09f4cfde26fd18733d15221556b07349171b5cc1d595",
    "8": "33349dd54b970e9e7ae7be9a77726dcc00e2100b88cb3116c7950473f6387749",
}
"""SHA-256 of the document's own bytes, by section: of each block what stands between its fences."""

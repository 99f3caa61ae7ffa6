"""PBXes: links to them, rotation of SIP secrets, and reloading phones through them."""

"""PBXes: links to them, SIP secrets rotated, phones told to reload through them."""

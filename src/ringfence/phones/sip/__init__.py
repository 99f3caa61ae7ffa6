"""SIP as bytes: messages, digests, NOTIFY, REGISTER, and accounts for PBXes."""

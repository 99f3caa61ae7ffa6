"""Pages of changes of SIP secrets."""

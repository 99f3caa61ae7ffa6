"""The edge's own software in two slots: installed from signed archives, started by a launcher that both slots share."""

"""Lead fields Z of electrodes, and the pseudo lead field."""

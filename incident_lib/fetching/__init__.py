"""Tools asked over the network, read-only: what they answer is written into the workbook as the files of an export."""

"""What the program itself writes down between two runs, outside of the warehouse; no person sets anything here."""

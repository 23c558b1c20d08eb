"""The page that `report` makes."""

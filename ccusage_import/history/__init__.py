"""What loads did, taken back, copied and restored."""

"""How the warehouse is reached: the driver, the embedded engine, servers, and what their errors mean."""

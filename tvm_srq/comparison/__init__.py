"""Networks side by side: every given network on every given device, in one table and one chart."""

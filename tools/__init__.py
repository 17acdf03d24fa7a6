"""What builds and packs Pomona, and what tries a deployed one."""

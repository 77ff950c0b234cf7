"""Linear spin-wave theory about any minimum: magnon bands, density of states, neutron intensities."""

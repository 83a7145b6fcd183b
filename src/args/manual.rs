//! What the long helps say behind the options.

/// The last part of the long help. Tests calculate its figures.
pub(crate) const HEADROOM: &str = "\
Rules:
  xoff   the worst case of the simulator: what arrives from the frame that does not fit below the
         threshold until the sender stops, if every frame has the size that fills most buffer for
         its time on the wire
  mlx5   (301 + 216 x metres / 100) x Mb/s / 1000 + 272 x mtu / 100, at least 40 Gb/s
  sonic  lossless mtu + (port mtu + 2 x (cable + gearbox) + MAC/PHY + peer response) x occupancy,
         up to whole KiB; occupancy is 1 for large packets, and for small ones cell / 64, or
         2 x cell / (1 + cell) for cells up to 128 B. Defaults: Spectrum-2, all packets small.
         At 100G: 81,920 B at 5m and 163,840 B at 300m, XON 18,432 B.
  An option that the profile's rule does not know is an error.

Tables that SONiC ships (pg_profile_lookup.ini of sonic-buildimage, column xoff) and what the rules
give for the same cells, in bytes at 100G; xoff with --port-mtu 9122:
  switch               cell  cable    table    sonic     xoff
  NVIDIA SN4280         144     5m   37,888   81,920   69,559
                              300m   75,776  163,840  133,923
  Nokia IXR7220-D4      318     5m   75,366  179,200  141,657
                              300m  117,978  359,424  281,255
  Micas W6920-32QC2X    254     5m  159,258  143,360  114,671
                              300m  268,986  287,744  226,174
  Dell S5448F           318     5m  160,272  179,200  141,657
                              300m  299,874  359,424  281,255
  Arista 7050CX3        256     5m  160,000  144,384  115,574
                              300m  160,000  289,792  227,955

Why a worst case lies above some of them: a frame of 64 B takes a whole cell, so small frames fill
the buffer cell / 84 times as fast as the wire brings them. A table that stays below supposes that
most lossless packets are large, as in storage and training. NVIDIA's is sonic's rule with
--small-packets 2 (37,888 and 75,776 B), where the worst case of frames of 1102 B alone
(--mtu 1024 --min-frame 1102) is 38,308 and 76,169 B; Nokia's lies above that (42,299 and
84,103 B). Arista's has one size for all cables and rates: right for one, too much or too little for
others. Whoever sends small packets without a break needs the worst case.";

nv set system hostname leaf1
nv set interface swp1,swp31 link mtu 9216
nv set interface swp1,swp31 link speed 100G
nv set interface swp1 ip address 192.0.2.1/31
nv set interface swp31 ip address 198.51.100.0/31
nv set qos roce mode lossless
nv set interface swp1 qos pfc-watchdog
nv set interface swp31 qos pfc-watchdog
nv config apply

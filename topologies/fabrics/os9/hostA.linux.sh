#!/bin/sh
# ConnectX, trust PCP: all of VLAN 711 is priority 3, lossless.
mlnx_qos -i ens1np0 --trust pcp
mlnx_qos -i ens1np0 --pfc 0,0,0,1,0,0,0,0
mlnx_qos -i ens1np0 --tsa ets,ets,ets,ets,ets,ets,ets,ets --tcbw 20,5,5,50,5,5,5,5
ip link add link ens1np0 name ens1np0.711 type vlan id 711 egress-qos-map 0:3 1:3 2:3 3:3 4:3 5:3 6:3 7:3
ip link set dev ens1np0 mtu 9000
ip link set dev ens1np0.711 mtu 9000

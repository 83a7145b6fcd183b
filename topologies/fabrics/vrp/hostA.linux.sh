#!/bin/sh
# ConnectX, trust DSCP: RoCE is DSCP 26, priority 3, lossless; CNPs are DSCP 48, priority 6.
mlnx_qos -i ens1np0 --trust dscp
mlnx_qos -i ens1np0 --pfc 0,0,0,1,0,0,0,0
mlnx_qos -i ens1np0 --tsa ets,ets,ets,ets,ets,ets,strict,strict --tcbw 20,5,5,60,5,5,0,0
cma_roce_tos -d mlx5_0 -t 106
echo 106 > /sys/class/infiniband/mlx5_0/tc/1/traffic_class
echo 48 > /sys/class/net/ens1np0/ecn/roce_np/cnp_dscp
ip link set dev ens1np0 mtu 9000

#!/bin/sh
# hostA: RDMA is DSCP 26, priority 3; CNPs are DSCP 48.
mlnx_qos -i ens1np0 --trust dscp
mlnx_qos -i ens1np0 --pfc 0,0,0,1,0,0,0,0
mlnx_qos -i ens1np0 --tsa ets,ets,ets,ets,ets,ets,strict,ets --tcbw 25,5,5,50,5,5,0,5
cma_roce_tos -d mlx5_0 -t 106
echo 106 > /sys/class/infiniband/mlx5_0/tc/1/traffic_class
echo 48 > /sys/class/net/ens1np0/ecn/roce_np/cnp_dscp
ethtool -A ens1np0 rx off tx off
ip link set dev ens1np0 mtu 9000

#!/bin/sh
# ConnectX: RDMA has DSCP 26 and priority 3, congestion notifications DSCP 48.
mlnx_qos -i ens1np0 --trust dscp
mlnx_qos -i ens1np0 --pfc 0,0,0,1,0,0,0,0
mlnx_qos -i ens1np0 --tsa ets,ets,ets,ets,ets,ets,strict,strict --tcbw 10,30,5,50,3,2,0,0
cma_roce_tos -d mlx5_0 -t 106
echo 106 > /sys/class/infiniband/mlx5_0/tc/1/traffic_class
ip link set dev ens1np0 mtu 9000

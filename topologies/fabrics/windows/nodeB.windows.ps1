# nodeB: SMB Direct is priority 3 at 50 %, the cluster's heartbeat 7 at 1 %.
$Priority = 3
New-NetQosPolicy "SMBD" -NetDirectPortMatchCondition 445 -PriorityValue8021Action $Priority
New-NetQosPolicy "HB" -Cluster -PriorityValue8021Action 7
New-NetQosPolicy "REST" -Default -PriorityValue8021Action 0
Enable-NetQosFlowControl -Priority $Priority
Disable-NetQosFlowControl -Priority 0,1,2,4,5,6,7
New-NetQosTrafficClass "SMBD" -Priority $Priority -BandwidthPercentage 50 -Algorithm ETS
New-NetQosTrafficClass "HB" -Priority 7 -BandwidthPercentage 1 -Algorithm ETS
Set-NetQosDcbxSetting -Willing $false -Confirm:$false
Set-NetAdapterAdvancedProperty -Name "pNIC1" -RegistryKeyword "*JumboPacket" -RegistryValue 9014
Set-NetAdapterAdvancedProperty -Name "pNIC1" -RegistryKeyword "VlanID" -RegistryValue 711
Set-NetAdapterAdvancedProperty -Name "pNIC1" -DisplayName "NetworkDirect Technology" -DisplayValue "RoCEv2"
Set-NetAdapterAdvancedProperty -Name "pNIC1" -RegistryKeyword "*FlowControl" -RegistryValue 0
Enable-NetAdapterRdma -Name "pNIC1"
Enable-NetAdapterQos -Name "pNIC1"

# Both nodes: SMB Direct is priority 3 at 50 %, the cluster's heartbeat 7 at 1 %.
$AllNodes = @(
    @{ NodeName = 'nodeA'
       RDMAEnabledAdapters = @(
           @{ Name = 'pNIC1' ; VLANID = '711' ; JumboPacket = 9014 }
       )
       RDMADisabledAdapters = @( @{ Name = 'Mgmt' } )
    }
    @{ NodeName = 'nodeB'
       RDMAEnabledAdapters = @(
           @{ Name = 'pNIC1' ; VLANID = "711" ; JumboPacket = 9014 }
       )
       RDMADisabledAdapters = @( @{ Name = 'Mgmt' } )
    }
)

$NonNodeData = @{
    NetQos = @(
        @{ Name = 'HB'   ; Template = 'Cluster'              ; PriorityValue8021Action = 7 ; BandwidthPercentage = 1  ; Algorithm = 'ETS' }
        @{ Name = 'SMBD' ; NetDirectPortMatchCondition = 445 ; PriorityValue8021Action = 3 ; BandwidthPercentage = 50 ; Algorithm = 'ETS' }
        @{ Name = 'REST' ; Template = 'Default'              ; PriorityValue8021Action = 0 ; BandwidthPercentage = 49 ; Algorithm = 'ETS' }
    )
}

$Global:configData = @{
    AllNodes    = $AllNodes
    NonNodeData = $NonNodeData
}

package main

import (
	"slices"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// complete gives a new VM what the simulator drops or takes from elsewhere: the
// hot-add flags, the time by vCenter's clock, a UUID of its own.
func (sim *inventory) complete(vm *mo.VirtualMachine) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if vm.Config.CpuHotAddEnabled == nil {
		vm.Config.CpuHotAddEnabled = types.NewBool(sim.hotAdd)
		vm.Config.MemoryHotAddEnabled = types.NewBool(sim.hotAdd)
	}
	if vm.Config.CreateDate != nil {
		created := vm.Config.CreateDate.Add(sim.skew)
		vm.Config.CreateDate = &created
	}
	if sim.uniqueUUIDs && sim.taken(vm) {
		vm.Config.InstanceUuid = uuid.NewString()
		vm.Summary.Config.InstanceUuid = vm.Config.InstanceUuid
	}
}

// taken tells whether another VM has the instanceUuid.
func (sim *inventory) taken(vm *mo.VirtualMachine) bool {
	return slices.ContainsFunc(sim.objects().All("VirtualMachine"), func(entity mo.Entity) bool {
		other, ok := entity.(*simulator.VirtualMachine)
		return ok && other.Self != vm.Self && other.Config.InstanceUuid == vm.Config.InstanceUuid
	})
}

package main

import (
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// corrections stands in for the objects whose methods the simulator lacks or
// gets wrong: a call that needs one is sent to it with its body unchanged.
// Its methods are found by reflection, by the name of the call.
type corrections struct {
	mo.ExtensibleManagedObject
	sim *inventory
	// ruled holds the fault that a task will end with, by request body.
	ruled sync.Map
}

func installCorrections(sim *inventory) {
	c := &corrections{sim: sim}
	c.Self = types.ManagedObjectReference{Type: "VcsimCorrections", Value: "corrections"}
	sim.objects().Put(c)
	sim.objects().AddHandler(c)
	sim.objects().Handler = c.route
}

func (c *corrections) Reference() types.ManagedObjectReference { return c.Self }

// PutObject makes corrections a listener.
func (c *corrections) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of tasks that end.
func (c *corrections) UpdateObject(_ *simulator.Context, o mo.Reference, properties []types.PropertyChange) {
	if _, ok := o.(*mo.Task); ok && ended(properties) {
		c.sim.retire(o.Reference())
	}
}

// RemoveObject makes corrections a listener.
func (c *corrections) RemoveObject(*simulator.Context, types.ManagedObjectReference) {}

// route sees every call before the simulator does.
func (c *corrections) route(ctx *simulator.Context, call *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		switch call.Name {
		case "Fetch", "RetrieveProperties", "RetrievePropertiesEx":
			return nil, notAuthenticated(call.This)
		}
		return nil, nil
	}
	if vm, ok := ctx.Map.Get(call.This).(*simulator.VirtualMachine); ok && strings.HasSuffix(call.Name, "_Task") {
		if fault := c.refuseUnreachable(ctx, vm); fault != nil {
			return nil, fault
		}
	}
	if ctx.Session.UserName != "" {
		askLabel(ctx, call)
		if fault := c.refuseUnprivileged(call); fault != nil {
			return nil, fault
		}
	}
	object := call.This
	switch req := call.Body.(type) {
	case *types.CloneVM_Task:
		if fault := c.prepareClone(ctx, req); fault != nil {
			return nil, fault
		}
	case *types.ReconfigVM_Task:
		if fault := c.reconfigurable(ctx, req); fault != nil {
			c.ruled.Store(call.Body, fault)
		}
	case *types.PowerOnMultiVM_Task, *types.UnregisterAndDestroy_Task,
		*types.CreatePropertyCollector, *types.CreateContainerView, *types.CreateListView,
		*types.CreateCollectorForTasks,
		*types.FetchUserPrivilegeOnEntities, *types.CurrentTime:
		call.This = c.Self
	case *types.Destroy_Task:
		if call.This.Type == "Folder" {
			call.This = c.Self
		}
	}
	// The administrator's own calls have a session without a user.
	if ctx.Session.UserName != "" && c.sim.taskFault != nil {
		if fault := c.sim.taskFault(call.Name, object.Value); fault != nil {
			c.ruled.Store(call.Body, fault)
		}
	}
	if _, ruled := c.ruled.Load(call.Body); ruled {
		call.This = c.Self
	}
	return nil, nil
}

func notAuthenticated(object types.ManagedObjectReference) *types.NotAuthenticated {
	return &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &object, PrivilegeId: "System.View"}}
}

func (c *corrections) refuseUnreachable(ctx *simulator.Context, vm *simulator.VirtualMachine) (fault types.BaseMethodFault) {
	ctx.WithLock(vm, func() {
		if vm.Runtime.ConnectionState != types.VirtualMachineConnectionStateConnected {
			fault = &types.InvalidState{}
		}
	})
	return fault
}

// withoutDRS tells whether nobody chooses a host in the pool's cluster: the
// reference of RelocateSpec.host says that one has to be named there.
func withoutDRS(ctx *simulator.Context, pool types.ManagedObjectReference) bool {
	found, ok := ctx.Map.Get(pool).(*simulator.ResourcePool)
	if !ok {
		return false
	}
	cluster, ok := ctx.Map.Get(found.Owner).(*simulator.ClusterComputeResource)
	if !ok {
		return false
	}
	config, ok := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
	return ok && config.DrsConfig.Enabled != nil && !*config.DrsConfig.Enabled
}

// prepareClone refuses what would end the simulator and adds what a clone
// inherits. An empty value blanks an inherited key, as in a reconfiguration.
func (c *corrections) prepareClone(ctx *simulator.Context, req *types.CloneVM_Task) types.BaseMethodFault {
	source, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: req.This}
	}
	if _, ok := ctx.Map.Get(req.Folder).(*simulator.Folder); !ok {
		return &types.ManagedObjectNotFound{Obj: req.Folder}
	}
	location := req.Spec.Location
	for _, ref := range []*types.ManagedObjectReference{location.Pool, location.Host, location.Datastore} {
		if ref != nil && ctx.Map.Get(*ref) == nil {
			return &types.ManagedObjectNotFound{Obj: *ref}
		}
	}
	if location.Pool != nil && location.Host == nil && withoutDRS(ctx, *location.Pool) {
		return &types.InvalidArgument{InvalidProperty: "spec.location.host"}
	}
	if req.Spec.Config == nil {
		req.Spec.Config = &types.VirtualMachineConfigSpec{}
	}
	asked := make(map[string]bool)
	var merged []types.BaseOptionValue
	for _, option := range req.Spec.Config.ExtraConfig {
		value := option.GetOptionValue()
		asked[value.Key] = true
		if text, ok := value.Value.(string); !ok || text != "" {
			merged = append(merged, option)
		}
	}
	ctx.WithLock(source, func() {
		for _, option := range source.Config.ExtraConfig {
			value := option.GetOptionValue()
			if !asked[value.Key] {
				merged = append(merged, &types.OptionValue{Key: value.Key, Value: value.Value})
			}
		}
	})
	req.Spec.Config.ExtraConfig = merged
	return nil
}

// reconfigurable gives the fault that a reconfiguration ends with: somebody else
// was faster, or the VM runs and cannot change while it does.
func (c *corrections) reconfigurable(ctx *simulator.Context, req *types.ReconfigVM_Task) (fault types.BaseMethodFault) {
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	ctx.WithLock(vm, func() {
		if req.Spec.ChangeVersion != "" && req.Spec.ChangeVersion != vm.Config.ChangeVersion {
			fault = &types.ConcurrentAccess{}
			return
		}
		if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return
		}
		hardware := vm.Config.Hardware
		cpus, memory := req.Spec.NumCPUs, req.Spec.MemoryMB
		on := func(flag *bool) bool { return flag != nil && *flag }
		switch {
		case cpus != 0 && (cpus < hardware.NumCPU || cpus > hardware.NumCPU && !on(vm.Config.CpuHotAddEnabled)):
			fault = &types.CpuHotPlugNotSupported{}
		case memory != 0 && (memory < int64(hardware.MemoryMB) || memory > int64(hardware.MemoryMB) && !on(vm.Config.MemoryHotAddEnabled)):
			fault = &types.MemoryHotPlugNotSupported{}
		}
	})
	return fault
}

// fail runs a task on an object that ends with the fault ruled for the request.
func (c *corrections) fail(ctx *simulator.Context, on types.ManagedObjectReference, name string, req any) types.ManagedObjectReference {
	fault, _ := c.ruled.LoadAndDelete(req)
	task := simulator.CreateTask(on, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, fault.(types.BaseMethodFault)
	})
	return task.Run(ctx)
}

func taskFault(body soap.HasFault) types.BaseMethodFault {
	if body.Fault() == nil {
		return nil
	}
	fault, _ := body.Fault().VimFault().(types.BaseMethodFault)
	return fault
}

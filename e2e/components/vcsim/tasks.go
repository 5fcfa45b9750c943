package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CloneVMTask fails a clone as ruled.
func (c *corrections) CloneVMTask(ctx *simulator.Context, req *types.CloneVM_Task) soap.HasFault {
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{
		Returnval: c.fail(ctx, req.This, "cloneVm", req)}}
}

// ReconfigVMTask fails a reconfiguration as ruled.
func (c *corrections) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{
		Returnval: c.fail(ctx, req.This, "reconfigVm", req)}}
}

// PowerOffVMTask fails a power-off as ruled.
func (c *corrections) PowerOffVMTask(ctx *simulator.Context, req *types.PowerOffVM_Task) soap.HasFault {
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{
		Returnval: c.fail(ctx, req.This, "powerOff", req)}}
}

// SuspendVMTask fails a suspension as ruled.
func (c *corrections) SuspendVMTask(ctx *simulator.Context, req *types.SuspendVM_Task) soap.HasFault {
	return &methods.SuspendVM_TaskBody{Res: &types.SuspendVM_TaskResponse{
		Returnval: c.fail(ctx, req.This, "suspend", req)}}
}

// PowerOnMultiVMTask powers VMs on one by one. A VM that cannot be placed is
// reported in the result of a task that succeeds, as vCenter does.
func (c *corrections) PowerOnMultiVMTask(ctx *simulator.Context, req *types.PowerOnMultiVM_Task) soap.HasFault {
	ruled, _ := c.ruled.LoadAndDelete(req)
	task := simulator.CreateTask(req.This, "powerOnMultiVM", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		var result types.ClusterPowerOnVmResult
		for _, ref := range req.Vm {
			fault, _ := ruled.(types.BaseMethodFault)
			var subtask *types.ManagedObjectReference
			if fault == nil {
				subtask, fault = c.powerOn(ctx, ref)
			}
			if fault != nil {
				result.NotAttempted = append(result.NotAttempted, types.ClusterNotAttemptedVmInfo{
					Vm: ref, Fault: types.LocalizedMethodFault{Fault: fault}})
				continue
			}
			result.Attempted = append(result.Attempted, types.ClusterAttemptedVmInfo{Vm: ref, Task: subtask})
		}
		return result, nil
	})
	return &methods.PowerOnMultiVM_TaskBody{Res: &types.PowerOnMultiVM_TaskResponse{Returnval: task.Run(ctx)}}
}

func (c *corrections) powerOn(ctx *simulator.Context, ref types.ManagedObjectReference) (task *types.ManagedObjectReference, fault types.BaseMethodFault) {
	vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: ref}
	}
	if fault := c.refuseUnreachable(ctx, vm); fault != nil {
		return nil, fault
	}
	// A caller of its own, because the subtask runs beside this one.
	own := &simulator.Context{Context: ctx.Context, Session: ctx.Session, Map: ctx.Map}
	own.WithLock(vm, func() {
		body := vm.PowerOnVMTask(own, &types.PowerOnVM_Task{This: ref}).(*methods.PowerOnVM_TaskBody)
		if fault = taskFault(body); fault == nil {
			task = &body.Res.Returnval
		}
	})
	return task, fault
}

// UnregisterAndDestroyTask removes a folder and what is below it from the
// inventory; the files of the VMs stay. A VM that runs cannot be unregistered:
// which of the others would go before it is found is nobody's promise, so none
// does.
func (c *corrections) UnregisterAndDestroyTask(ctx *simulator.Context, req *types.UnregisterAndDestroy_Task) soap.HasFault {
	task := simulator.CreateTask(req.This, "unregisterAndDestroy", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if c.hasRunning(ctx, req.This) {
			return nil, &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff,
				ExistingState:  types.VirtualMachinePowerStatePoweredOn,
			}
		}
		return nil, c.removeFolder(ctx, req.This, func(vm *simulator.VirtualMachine) types.BaseMethodFault {
			return taskFault(vm.UnregisterVM(ctx, &types.UnregisterVM{This: vm.Self}))
		})
	})
	return &methods.UnregisterAndDestroy_TaskBody{Res: &types.UnregisterAndDestroy_TaskResponse{Returnval: task.Run(ctx)}}
}

// hasRunning says whether a VM runs in the folder or below.
func (c *corrections) hasRunning(ctx *simulator.Context, ref types.ManagedObjectReference) bool {
	folder, ok := ctx.Map.Get(ref).(*simulator.Folder)
	return ok && slices.ContainsFunc(folder.ChildEntity, func(child types.ManagedObjectReference) bool {
		vm, ok := ctx.Map.Get(child).(*simulator.VirtualMachine)
		return c.hasRunning(ctx, child) || ok && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
	})
}

// DestroyTask on a folder destroys everything below it, disks included.
func (c *corrections) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	body := &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{}}
	if _, ruled := c.ruled.Load(req); ruled {
		body.Res.Returnval = c.fail(ctx, req.This, "destroy", req)
		return body
	}
	task := simulator.CreateTask(req.This, "destroy", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, c.removeFolder(ctx, req.This, func(vm *simulator.VirtualMachine) types.BaseMethodFault {
			return c.destroy(ctx, vm)
		})
	})
	body.Res.Returnval = task.Run(ctx)
	return body
}

func (c *corrections) destroy(ctx *simulator.Context, vm *simulator.VirtualMachine) types.BaseMethodFault {
	own := &simulator.Context{Context: ctx.Context, Session: ctx.Session, Map: ctx.Map}
	var ref types.ManagedObjectReference
	own.WithLock(vm, func() {
		ref = vm.DestroyTask(own, &types.Destroy_Task{This: vm.Self}).(*methods.Destroy_TaskBody).Res.Returnval
	})
	task, ok := ctx.Map.Get(ref).(*simulator.Task)
	if !ok {
		return nil
	}
	task.Wait()
	if task.Info.Error != nil {
		return task.Info.Error.Fault
	}
	return nil
}

func (c *corrections) removeFolder(
	ctx *simulator.Context,
	ref types.ManagedObjectReference,
	remove func(*simulator.VirtualMachine) types.BaseMethodFault,
) types.BaseMethodFault {
	folder, ok := ctx.Map.Get(ref).(*simulator.Folder)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	c.sim.mu.Lock()
	busy := c.sim.cloning[ref] > 0
	c.sim.mu.Unlock()
	if busy {
		return &types.ResourceInUse{Type: ref.Type, Name: folder.Name}
	}
	// Removing a child shortens the list that is walked.
	for _, child := range slices.Clone(folder.ChildEntity) {
		var fault types.BaseMethodFault
		switch object := ctx.Map.Get(child).(type) {
		case *simulator.Folder:
			fault = c.removeFolder(ctx, child, remove)
		case *simulator.VirtualMachine:
			fault = remove(object)
		}
		if fault != nil {
			return fault
		}
	}
	parent, ok := ctx.Map.Get(*folder.Parent).(*simulator.Folder)
	if !ok {
		return &types.NotSupported{}
	}
	ctx.Map.Remove(ctx, ref)
	ctx.WithLock(parent, func() { simulator.RemoveReference(&parent.ChildEntity, ref) })
	return nil
}

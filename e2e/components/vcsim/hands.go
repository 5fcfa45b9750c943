package main

import (
	"context"
	"fmt"
	"path"
	"reflect"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// What people do by hand in vCenter, outside the trace.

type onVM struct {
	Moid string `json:"moid"`
}

func (sim *inventory) handle(moid string) (*simulator.VirtualMachine, *object.VirtualMachine, error) {
	vm, err := sim.vm(moid)
	if err != nil {
		return nil, nil, err
	}
	return vm, object.NewVirtualMachine(sim.client, vm.Self), nil
}

func typeName(value any) string {
	kind := reflect.TypeOf(value)
	if kind == nil {
		return ""
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

// createFolder makes a VM folder; its parent must exist.
func (sim *inventory) createFolder(ctx context.Context, want struct {
	Path string `json:"path"`
}) (any, error) {
	parent, err := sim.finder().Folder(ctx, path.Dir(want.Path))
	if err != nil {
		return nil, err
	}
	folder, err := parent.CreateFolder(ctx, path.Base(want.Path))
	if err != nil {
		return nil, err
	}
	return map[string]any{"moid": folder.Reference().Value}, nil
}

func (sim *inventory) renameFolder(ctx context.Context, want struct {
	Path string `json:"path"`
	Name string `json:"name"`
}) (any, error) {
	folder, err := sim.finder().Folder(ctx, want.Path)
	if err != nil {
		return nil, err
	}
	return nil, finished(ctx)(folder.Rename(ctx, want.Name))
}

// createStranger makes a VM that no operator knows.
func (sim *inventory) createStranger(ctx context.Context, want struct {
	Name   string `json:"name"`
	Folder string `json:"folder"`
}) (any, error) {
	folder, err := sim.finder().Folder(ctx, want.Folder)
	if err != nil {
		return nil, err
	}
	vm, err := sim.createVM(ctx, folder, want.Name)
	if err != nil {
		return nil, err
	}
	return map[string]any{"moid": vm.Reference().Value}, nil
}

// copyVM clones a VM as a person would: extraConfig comes along.
func (sim *inventory) copyVM(ctx context.Context, want struct {
	Moid   string `json:"moid"`
	Name   string `json:"name"`
	Folder string `json:"folder"`
	// SameInstanceUUID makes two VMs with one identity.
	SameInstanceUUID bool `json:"same_instance_uuid"`
}) (any, error) {
	source, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	if want.Folder == "" {
		want.Folder = sim.path(source.Parent)
	}
	folder, err := sim.finder().Folder(ctx, want.Folder)
	if err != nil {
		return nil, err
	}
	pool, err := sim.pool(ctx)
	if err != nil {
		return nil, err
	}
	target := pool.Reference()
	spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &target}}
	if want.SameInstanceUUID {
		spec.Config = &types.VirtualMachineConfigSpec{InstanceUuid: source.Config.InstanceUuid}
	}
	task, err := vm.Clone(ctx, folder, want.Name, spec)
	if err != nil {
		return nil, err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	return map[string]any{"moid": info.Result.(types.ManagedObjectReference).Value}, nil
}

func (sim *inventory) deleteVM(ctx context.Context, want onVM) (any, error) {
	state, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	if state.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		if err := finished(ctx)(vm.PowerOff(ctx)); err != nil {
			return nil, err
		}
	}
	return nil, finished(ctx)(vm.Destroy(ctx))
}

func (sim *inventory) renameVM(ctx context.Context, want struct {
	Moid string `json:"moid"`
	Name string `json:"name"`
}) (any, error) {
	_, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	return nil, finished(ctx)(vm.Rename(ctx, want.Name))
}

func (sim *inventory) setPower(ctx context.Context, want struct {
	Moid  string `json:"moid"`
	State string `json:"state"`
}) (any, error) {
	_, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	switch types.VirtualMachinePowerState(want.State) {
	case types.VirtualMachinePowerStatePoweredOn:
		return nil, finished(ctx)(vm.PowerOn(ctx))
	case types.VirtualMachinePowerStatePoweredOff:
		return nil, finished(ctx)(vm.PowerOff(ctx))
	case types.VirtualMachinePowerStateSuspended:
		return nil, finished(ctx)(vm.Suspend(ctx))
	}
	return nil, fmt.Errorf("unknown power state %q", want.State)
}

func (sim *inventory) setExtraConfig(ctx context.Context, want struct {
	Moid  string `json:"moid"`
	Key   string `json:"key"`
	Value string `json:"value"`
}) (any, error) {
	_, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	return nil, finished(ctx)(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: want.Key, Value: want.Value}},
	}))
}

// replaceDisk detaches a VM's first disk and attaches another VM's in its place:
// as in vCenter, that has the key of the first one.
func (sim *inventory) replaceDisk(ctx context.Context, want struct {
	Moid string `json:"moid"`
	From string `json:"from"`
}) (any, error) {
	_, vm, err := sim.handle(want.Moid)
	if err != nil {
		return nil, err
	}
	_, other, err := sim.handle(want.From)
	if err != nil {
		return nil, err
	}
	var both [2]*types.VirtualDisk
	for i, vm := range []*object.VirtualMachine{vm, other} {
		devices, err := vm.Device(ctx)
		if err != nil {
			return nil, err
		}
		disks := devices.SelectByType((*types.VirtualDisk)(nil))
		if len(disks) == 0 {
			return nil, fmt.Errorf("%s has no disk", vm.Reference())
		}
		both[i] = disks[0].(*types.VirtualDisk)
		if err := vm.RemoveDevice(ctx, true, both[i]); err != nil {
			return nil, err
		}
	}
	attached := *both[1]
	attached.Key, attached.ControllerKey, attached.UnitNumber = both[0].Key, both[0].ControllerKey, both[0].UnitNumber
	// A size would ask for a new file.
	attached.CapacityInKB, attached.CapacityInBytes = 0, 0
	return nil, vm.AddDevice(ctx, &attached)
}

// setConnection also hides the configuration while a VM is inaccessible or
// invalid, and brings it back afterwards.
func (sim *inventory) setConnection(_ context.Context, want struct {
	Moid  string `json:"moid"`
	State string `json:"state"`
}) (any, error) {
	vm, err := sim.vm(want.Moid)
	if err != nil {
		return nil, err
	}
	state := types.VirtualMachineConnectionState(want.State)
	hide := false
	switch state {
	case types.VirtualMachineConnectionStateConnected, types.VirtualMachineConnectionStateDisconnected,
		types.VirtualMachineConnectionStateOrphaned:
	case types.VirtualMachineConnectionStateInaccessible, types.VirtualMachineConnectionStateInvalid:
		hide = true
	default:
		return nil, fmt.Errorf("unknown connection state %q", want.State)
	}
	ctx := sim.context()
	ctx.WithLock(vm, func() {
		sim.mu.Lock()
		kept, hidden := sim.hidden[vm.Self]
		switch {
		case hide && !hidden:
			sim.hidden[vm.Self] = vm.Config
			vm.Config = &types.VirtualMachineConfigInfo{}
		case !hide && hidden:
			delete(sim.hidden, vm.Self)
			vm.Config = kept
		}
		sim.mu.Unlock()
		ctx.Update(vm, []types.PropertyChange{
			{Name: "runtime.connectionState", Val: state},
			{Name: "summary.runtime.connectionState", Val: state},
		})
	})
	return nil, nil
}

// moveVM moves a VM to another folder.
func (sim *inventory) moveVM(ctx context.Context, want struct {
	Moid   string `json:"moid"`
	Folder string `json:"folder"`
}) (any, error) {
	vm, err := sim.vm(want.Moid)
	if err != nil {
		return nil, err
	}
	folder, err := sim.finder().Folder(ctx, want.Folder)
	if err != nil {
		return nil, err
	}
	return nil, finished(ctx)(folder.MoveInto(ctx, []types.ManagedObjectReference{vm.Self}))
}

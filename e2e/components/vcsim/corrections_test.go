package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func TestACloneInheritsExtraConfigUnlessTheSpecSetsOrBlanksTheKey(t *testing.T) {
	b := start(t)
	b.clone(t, templateName, "first", extra("vmgroup.a", "1", "vmgroup.b", "2", "vmgroup.c", "3"))
	second := b.clone(t, "vm-operator/first", "second", extra("vmgroup.b", "other", "vmgroup.c", ""))
	for key, want := range map[string]any{"vmgroup.a": "1", "vmgroup.b": "other", "vmgroup.c": nil} {
		if got := valueOf(second, key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestUnregisterAndDestroyLeavesNeitherVMsNorFolders(t *testing.T) {
	b := start(t)
	root := b.folder(t, operatorFolder)
	_, err := root.CreateFolder(b.ctx, "inner")
	must(t, err)
	vm := b.clone(t, templateName, "a", nil)
	request := types.UnregisterAndDestroy_Task{This: root.Reference()}
	res, err := methods.UnregisterAndDestroy_Task(b.ctx, b.client, &request)
	must(t, err)
	must(t, object.NewTask(b.client.Client, res.Returnval).Wait(b.ctx))
	if _, err := b.finder.Folder(b.ctx, operatorFolder); err == nil {
		t.Error("the folder is still there")
	}
	if b.sim.objects().Get(vm.Self) != nil {
		t.Error("the VM is still there")
	}
}

func TestAFolderWithARunningVMStaysAsItIs(t *testing.T) {
	b := start(t)
	off := b.clone(t, templateName, "a", nil)
	on := b.clone(t, templateName, "b", nil)
	task, err := object.NewVirtualMachine(b.client.Client, on.Self).PowerOn(b.ctx)
	must(t, err)
	must(t, task.Wait(b.ctx))
	request := types.UnregisterAndDestroy_Task{This: b.folder(t, operatorFolder).Reference()}
	res, err := methods.UnregisterAndDestroy_Task(b.ctx, b.client, &request)
	must(t, err)
	var running *types.InvalidPowerState
	if _, ok := fault.As(object.NewTask(b.client.Client, res.Returnval).Wait(b.ctx), &running); !ok {
		t.Error("the folder was removed")
	}
	if b.sim.objects().Get(off.Self) == nil {
		t.Error("a VM is gone")
	}
}

func TestAFolderIsNotRemovedWhileACloneIsOnItsWayThere(t *testing.T) {
	b := start(t)
	setTaskDelays(map[string]int{"CloneVm": 300})
	defer setTaskDelays(nil)
	cloning := b.cloneTask(t, templateName, "slow", nil)
	task, err := b.folder(t, operatorFolder).Destroy(b.ctx)
	must(t, err)
	var inUse *types.ResourceInUse
	if _, ok := fault.As(task.Wait(b.ctx), &inUse); !ok {
		t.Error("the folder was removed")
	}
	must(t, cloning.Wait(b.ctx))
}

func TestATemplateIsNotPoweredOn(t *testing.T) {
	b := start(t)
	template, err := b.finder.VirtualMachine(b.ctx, templateName)
	must(t, err)
	vm := b.clone(t, templateName, "a", nil)
	dc, err := b.finder.DefaultDatacenter(b.ctx)
	must(t, err)
	task, err := dc.PowerOnVM(b.ctx, []types.ManagedObjectReference{template.Reference(), vm.Self})
	must(t, err)
	info, err := task.WaitForResult(b.ctx, nil)
	must(t, err)
	result := info.Result.(types.ClusterPowerOnVmResult)
	if len(result.NotAttempted) != 1 || len(result.Attempted) != 1 {
		t.Fatalf("%+v", result)
	}
	must(t, object.NewTask(b.client.Client, *result.Attempted[0].Task).Wait(b.ctx))
	if got := b.read(t, vm.Self).Runtime.PowerState; got != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("the VM is %s", got)
	}
}

func TestARunningVMGrowsOnlyWithHotAdd(t *testing.T) {
	b := start(t)
	with := b.clone(t, templateName, "with", nil)
	b.sim.hotAdd = false
	without := b.clone(t, templateName, "without", nil)
	grow := func(ref types.ManagedObjectReference, cpus int32) error {
		vm := object.NewVirtualMachine(b.client.Client, ref)
		_ = finished(b.ctx)(vm.PowerOn(b.ctx))
		return finished(b.ctx)(vm.Reconfigure(b.ctx, types.VirtualMachineConfigSpec{NumCPUs: cpus}))
	}
	must(t, grow(with.Self, 2))
	var refused *types.CpuHotPlugNotSupported
	if _, ok := fault.As(grow(with.Self, 1), &refused); !ok {
		t.Error("a running VM lost a processor")
	}
	if _, ok := fault.As(grow(without.Self, 2), &refused); !ok {
		t.Error("a VM without hot-add grew")
	}
}

func TestATaskEndsWithTheFaultThatATestAskedFor(t *testing.T) {
	b := start(t)
	must(t, b.gate.rules.addFault(&faultRule{
		Method: "CloneVM_Task", Fault: "InsufficientResourcesFault", At: "task", Max: 1}))
	var lacking *types.InsufficientResourcesFault
	if _, ok := fault.As(b.cloneTask(t, templateName, "a", nil).Wait(b.ctx), &lacking); !ok {
		t.Error("the task did not fail as asked")
	}
	b.clone(t, templateName, "a", nil)
	tasks := b.sim.listTasks(&b.gate.trace)
	if len(tasks) != 2 || tasks[0].Fault != "InsufficientResourcesFault" || tasks[1].State != "success" {
		t.Errorf("%+v", tasks)
	}
	if tasks[0].User != "u" {
		t.Errorf("the task belongs to %q", tasks[0].User)
	}
}

func TestManyClonesAtOnceAllEnd(t *testing.T) {
	b := start(t)
	setTaskDelays(map[string]int{"CloneVm": 50})
	defer setTaskDelays(nil)
	const count = 25
	var tasks [count]*object.Task
	for i := range tasks {
		tasks[i] = b.cloneTask(t, templateName, fmt.Sprintf("many-%d", i), nil)
	}
	var refs []types.ManagedObjectReference
	for _, task := range tasks {
		info, err := task.WaitForResult(b.ctx, nil)
		must(t, err)
		refs = append(refs, info.Result.(types.ManagedObjectReference))
	}
	dc, err := b.finder.DefaultDatacenter(b.ctx)
	must(t, err)
	task, err := dc.PowerOnVM(b.ctx, refs)
	must(t, err)
	info, err := task.WaitForResult(b.ctx, nil)
	must(t, err)
	result := info.Result.(types.ClusterPowerOnVmResult)
	if len(result.Attempted) != count {
		t.Fatalf("%d of %d were powered on", len(result.Attempted), count)
	}
	for _, attempt := range result.Attempted {
		must(t, object.NewTask(b.client.Client, *attempt.Task).Wait(b.ctx))
	}
	ended := make(chan error, count)
	for _, ref := range refs {
		go func() {
			_, err := b.sim.deleteVM(b.ctx, onVM{Moid: ref.Value})
			ended <- err
		}()
	}
	for range refs {
		must(t, <-ended)
	}
	if left := b.sim.objects().All("VirtualMachine"); len(left) != 1 {
		t.Errorf("%d VMs are left", len(left))
	}
}

func TestTheConfigurationOfAnInaccessibleVMIsUnset(t *testing.T) {
	b := start(t)
	vm := b.clone(t, templateName, "a", extra("vmgroup.a", "1"))
	set := func(state string) {
		t.Helper()
		_, err := b.sim.setConnection(b.ctx, struct {
			Moid  string `json:"moid"`
			State string `json:"state"`
		}{vm.Self.Value, state})
		must(t, err)
	}
	set("inaccessible")
	hidden := b.read(t, vm.Self)
	if hidden.Config != nil {
		t.Errorf("%+v", hidden.Config)
	}
	destroy, err := object.NewVirtualMachine(b.client.Client, vm.Self).Destroy(b.ctx)
	if err == nil {
		err = destroy.Wait(b.ctx)
	}
	if !fault.Is(err, &types.InvalidState{}) {
		t.Errorf("destroying it gave %v", err)
	}
	set("connected")
	if valueOf(b.read(t, vm.Self), "vmgroup.a") != "1" {
		t.Error("the configuration did not come back")
	}
}

func TestAVMThatIsMovedAwayLeavesTheViewAndStaysReadable(t *testing.T) {
	b := start(t)
	vm := b.clone(t, templateName, "a", nil)
	view := b.view(t)
	if _, found := b.kinds(t, view, 5*time.Second)[vm.Self]; !found {
		t.Fatal("the VM did not enter")
	}
	_, err := b.sim.moveVM(b.ctx, struct {
		Moid   string `json:"moid"`
		Folder string `json:"folder"`
	}{vm.Self.Value, "/" + datacenterName + "/vm"})
	must(t, err)
	if got := b.kinds(t, view, 5*time.Second)[vm.Self]; got != types.ObjectUpdateKindLeave {
		t.Errorf("the VM gave %q", got)
	}
	if b.read(t, vm.Self).Parent.Value == b.folder(t, operatorFolder).Reference().Value {
		t.Error("the VM is still in its folder")
	}
}

func TestAPendingWaitEndsWithItsSession(t *testing.T) {
	b := start(t)
	view := b.view(t)
	b.kinds(t, view, 5*time.Second)
	go func() {
		time.Sleep(200 * time.Millisecond)
		b.gate.expireSessions()
	}()
	_, err := b.wait(view, 20)
	if !isFault[types.NotAuthenticated](err) {
		t.Errorf("the wait gave %v", err)
	}
}

func TestASessionThatTheSimulatorPutBackIsOver(t *testing.T) {
	b := start(t)
	b.gate.mu.Lock()
	clear(b.gate.sessions)
	b.gate.mu.Unlock()
	_, err := b.finder.VirtualMachine(b.ctx, templateName)
	if !isFault[types.NotAuthenticated](err) {
		t.Errorf("the read gave %v", err)
	}
}

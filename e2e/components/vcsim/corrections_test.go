package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type bench struct {
	ctx    context.Context
	sim    *inventory
	gate   *gateway
	client *govmomi.Client
	finder *find.Finder
}

func start(t *testing.T) *bench {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	server := httptest.NewUnstartedServer(nil)
	sim, err := newInventory(server.Listener.Addr().String(), "u", "p", 0)
	must(t, err)
	gate := newGateway(sim)
	server.Config.Handler = gate
	server.StartTLS()
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL + "/sdk")
	must(t, err)
	target.User = url.UserPassword("u", "p")
	client, err := govmomi.NewClient(t.Context(), target, true)
	must(t, err)
	finder := find.NewFinder(client.Client, true)
	dc, err := finder.DefaultDatacenter(t.Context())
	must(t, err)
	return &bench{t.Context(), sim, gate, client, finder.SetDatacenter(dc)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) folder(t *testing.T, path string) *object.Folder {
	t.Helper()
	folder, err := b.finder.Folder(b.ctx, path)
	must(t, err)
	return folder
}

func (b *bench) cloneTask(t *testing.T, source, name string, config *types.VirtualMachineConfigSpec) *object.Task {
	t.Helper()
	vm, err := b.finder.VirtualMachine(b.ctx, source)
	must(t, err)
	pool, err := b.finder.ResourcePool(b.ctx, "*/Resources")
	must(t, err)
	ref := pool.Reference()
	task, err := vm.Clone(b.ctx, b.folder(t, operatorFolder), name, types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &ref},
		Config:   config,
	})
	must(t, err)
	return task
}

func (b *bench) clone(t *testing.T, source, name string, config *types.VirtualMachineConfigSpec) mo.VirtualMachine {
	t.Helper()
	info, err := b.cloneTask(t, source, name, config).WaitForResult(b.ctx, nil)
	must(t, err)
	return b.read(t, info.Result.(types.ManagedObjectReference))
}

func (b *bench) read(t *testing.T, ref types.ManagedObjectReference) (vm mo.VirtualMachine) {
	t.Helper()
	must(t, property.DefaultCollector(b.client.Client).RetrieveOne(b.ctx, ref, nil, &vm))
	return vm
}

func extra(pairs ...string) *types.VirtualMachineConfigSpec {
	spec := &types.VirtualMachineConfigSpec{}
	for i := 0; i < len(pairs); i += 2 {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: pairs[i], Value: pairs[i+1]})
	}
	return spec
}

func valueOf(vm mo.VirtualMachine, key string) any {
	for _, option := range vm.Config.ExtraConfig {
		if value := option.GetOptionValue(); value.Key == key {
			return value.Value
		}
	}
	return nil
}

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
	if hidden.Config.InstanceUuid != "" || len(hidden.Config.ExtraConfig) != 0 {
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
	if !soap.IsSoapFault(err) || !isNotAuthenticated(err) {
		t.Errorf("the wait gave %v", err)
	}
}

func isNotAuthenticated(err error) bool {
	_, ok := soap.ToSoapFault(err).VimFault().(types.NotAuthenticated)
	return ok
}

type waiting struct {
	collector types.ManagedObjectReference
	version   string
}

// view watches the names of the VMs below the operator's folder.
func (b *bench) view(t *testing.T) *waiting {
	t.Helper()
	manager := *b.client.ServiceContent.ViewManager
	made, err := methods.CreateContainerView(b.ctx, b.client, &types.CreateContainerView{
		This: manager, Container: b.folder(t, operatorFolder).Reference(),
		Type: []string{"VirtualMachine"}, Recursive: true})
	must(t, err)
	collector, err := methods.CreatePropertyCollector(b.ctx, b.client,
		&types.CreatePropertyCollector{This: b.client.ServiceContent.PropertyCollector})
	must(t, err)
	_, err = methods.CreateFilter(b.ctx, b.client, &types.CreateFilter{
		This: collector.Returnval,
		Spec: types.PropertyFilterSpec{
			PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: made.Returnval, Skip: types.NewBool(true),
				SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}}}},
		}})
	must(t, err)
	return &waiting{collector: collector.Returnval}
}

func (b *bench) wait(w *waiting, seconds int32) (*types.UpdateSet, error) {
	res, err := methods.WaitForUpdatesEx(b.ctx, b.client, &types.WaitForUpdatesEx{
		This: w.collector, Version: w.version,
		Options: &types.WaitOptions{MaxWaitSeconds: &seconds}})
	if err != nil {
		return nil, err
	}
	if res.Returnval != nil {
		w.version = res.Returnval.Version
	}
	return res.Returnval, nil
}

// kinds gives the last kind of update per object of one answer.
func (b *bench) kinds(t *testing.T, w *waiting, limit time.Duration) map[types.ManagedObjectReference]types.ObjectUpdateKind {
	t.Helper()
	set, err := b.wait(w, int32(limit.Seconds()))
	must(t, err)
	kinds := make(map[types.ManagedObjectReference]types.ObjectUpdateKind)
	if set != nil {
		for _, filter := range set.FilterSet {
			for _, update := range filter.ObjectSet {
				kinds[update.Obj] = update.Kind
			}
		}
	}
	return kinds
}

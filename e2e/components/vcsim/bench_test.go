package main

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/vmware/govmomi"
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
	target *url.URL
	// found spares a search of the whole inventory for each clone.
	found map[string]types.ManagedObjectReference
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
	b := &bench{ctx: t.Context(), sim: sim, gate: gate, target: target}
	return b.another(t)
}

// another gives the same vCenter as another session sees it.
func (b *bench) another(t *testing.T) *bench {
	t.Helper()
	client, err := govmomi.NewClient(b.ctx, b.target, true)
	must(t, err)
	finder := find.NewFinder(client.Client, true)
	dc, err := finder.DefaultDatacenter(b.ctx)
	must(t, err)
	found := make(map[string]types.ManagedObjectReference)
	return &bench{b.ctx, b.sim, b.gate, client, finder.SetDatacenter(dc), b.target, found}
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

func (b *bench) find(t *testing.T, name string, search func() (object.Reference, error)) types.ManagedObjectReference {
	t.Helper()
	if _, known := b.found[name]; !known {
		found, err := search()
		must(t, err)
		b.found[name] = found.Reference()
	}
	return b.found[name]
}

func (b *bench) cloneTask(t *testing.T, source, name string, config *types.VirtualMachineConfigSpec) *object.Task {
	t.Helper()
	vm := b.find(t, source, func() (object.Reference, error) { return b.finder.VirtualMachine(b.ctx, source) })
	pool := b.find(t, "*/Resources", func() (object.Reference, error) { return b.finder.ResourcePool(b.ctx, "*/Resources") })
	folder := b.find(t, operatorFolder, func() (object.Reference, error) { return b.finder.Folder(b.ctx, operatorFolder) })
	task, err := object.NewVirtualMachine(b.client.Client, vm).Clone(b.ctx, object.NewFolder(b.client.Client, folder), name,
		types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{Pool: &pool},
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

// isFault tells whether a call ended with a fault of a type.
func isFault[T any](err error) bool {
	if !soap.IsSoapFault(err) {
		return false
	}
	_, ok := soap.ToSoapFault(err).VimFault().(T)
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

package main

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	datacenterName = "vcqaDC"
	operatorFolder = "/" + datacenterName + "/vm/vm-operator"
	templateName   = "vm-operator-template"
)

// inventory is the simulated vCenter behind both ports.
type inventory struct {
	model   *simulator.Model
	service *simulator.Service
	// client acts as an administrator whose calls are outside the trace.
	client *vim25.Client
	user   string
	// changes feeds the property collectors.
	changes *changes

	mu       sync.Mutex
	password string
	hotAdd   bool
	// hidden keeps the configuration of VMs that are inaccessible.
	hidden map[types.ManagedObjectReference]*types.VirtualMachineConfigInfo
	// cloning counts clones under way per target folder; clones are their tasks.
	cloning map[types.ManagedObjectReference]int
	clones  map[types.ManagedObjectReference]types.ManagedObjectReference
	// taskRetention is how long a task stays after its end; retired are those
	// that are gone.
	taskRetention time.Duration
	retired       []types.TaskInfo
	// histories are the live lists of tasks, with their sessions.
	histories map[types.ManagedObjectReference]string
	// historyLags hides running tasks from those lists, which are a database's.
	historyLags bool
	// uniqueUUIDs gives a VM another instanceUuid when its own is taken.
	uniqueUUIDs bool
	// missing are the privileges that the operator's user lacks.
	missing []string
	// skew is how far vCenter's clock is ahead.
	skew time.Duration

	// taskFault gives the fault that a test wants the task of a call to end with.
	taskFault func(method, object string) types.BaseMethodFault
}

func newInventory(address, user, password string, bystanders int) (*inventory, error) {
	// Reads must not wait for the lock of an object that a slow task works on.
	setTaskDelays(nil)
	model := simulator.VPX()
	model.Autostart = false
	model.Host = 0
	model.ClusterHost = 2
	model.Machine = 0
	model.Portgroup = 0
	if err := model.Create(); err != nil {
		return nil, err
	}
	sim := &inventory{
		model:     model,
		service:   model.Service,
		user:      user,
		password:  password,
		hotAdd:    true,
		hidden:    make(map[types.ManagedObjectReference]*types.VirtualMachineConfigInfo),
		cloning:   make(map[types.ManagedObjectReference]int),
		clones:    make(map[types.ManagedObjectReference]types.ManagedObjectReference),
		histories: make(map[types.ManagedObjectReference]string),

		taskRetention: taskRetention,
	}
	sim.service.Listen = &url.URL{Scheme: "https", Host: address, Path: vim25.Path, User: url.UserPassword(user, "")}
	sim.service.RegisterSDK(sim.objects(), vim25.Path+"/vimService")
	sim.service.ServeMux.HandleFunc(vim25.Path+"/vimServiceVersions.xml", sim.service.ServiceVersions)
	manager := sim.objects().SessionManager()
	manager.ServiceHostName = address
	manager.ValidLogin = func(login *types.Login) bool {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		return login.UserName == sim.user && login.Password == sim.password
	}
	installCorrections(sim)

	ctx := context.Background()
	client, err := vim25.NewClient(ctx, sim.service)
	if err != nil {
		return nil, err
	}
	sim.client = client
	sim.changes = installChanges(sim, client.ServiceContent.PropertyCollector)
	return sim, sim.populate(ctx, bystanders)
}

func (sim *inventory) objects() *simulator.Registry { return sim.service.Context.Map }

// context is a caller of its own for the simulator's locks.
func (sim *inventory) context() *simulator.Context {
	c := *sim.service.Context
	return &c
}

func (sim *inventory) finder() *find.Finder {
	return find.NewFinder(sim.client, true)
}

func (sim *inventory) populate(ctx context.Context, bystanders int) error {
	dc, err := sim.finder().DefaultDatacenter(ctx)
	if err != nil {
		return err
	}
	if err := finished(ctx)(dc.Rename(ctx, datacenterName)); err != nil {
		return err
	}
	folders, err := dc.Folders(ctx)
	if err != nil {
		return err
	}
	if _, err := folders.VmFolder.CreateFolder(ctx, path.Base(operatorFolder)); err != nil {
		return err
	}
	template, err := sim.createVM(ctx, folders.VmFolder, templateName)
	if err != nil {
		return err
	}
	if err := template.MarkAsTemplate(ctx); err != nil {
		return err
	}
	for i := range bystanders {
		vm, err := sim.createVM(ctx, folders.VmFolder, fmt.Sprintf("bystander-%d", i))
		if err != nil {
			return err
		}
		if err := finished(ctx)(vm.PowerOn(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (sim *inventory) createVM(ctx context.Context, folder *object.Folder, name string) (*object.VirtualMachine, error) {
	pool, err := sim.pool(ctx)
	if err != nil {
		return nil, err
	}
	config := types.VirtualMachineConfigSpec{
		Name:     name,
		GuestId:  string(types.VirtualMachineGuestOsIdentifierOtherLinux64Guest),
		NumCPUs:  1,
		MemoryMB: 1024,
		Files:    &types.VirtualMachineFileInfo{VmPathName: "[LocalDS_0]"},
	}
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return nil, err
	}
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), types.ManagedObjectReference{},
		config.Files.VmPathName+" "+path.Join(name, "disk1.vmdk"))
	disk.CapacityInKB = 1024
	config.DeviceChange, err = append(devices, scsi, disk).ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	if err != nil {
		return nil, err
	}
	task, err := folder.CreateVM(ctx, config, pool, nil)
	if err != nil {
		return nil, err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(sim.client, info.Result.(types.ManagedObjectReference)), nil
}

func (sim *inventory) pool(ctx context.Context) (*object.ResourcePool, error) {
	return sim.finder().ResourcePool(ctx, "/"+datacenterName+"/host/*/Resources")
}

// vm looks a VM up by its id.
func (sim *inventory) vm(moid string) (*simulator.VirtualMachine, error) {
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: moid}
	vm, ok := sim.objects().Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return nil, fmt.Errorf("no VM %q", moid)
	}
	return vm, nil
}

// path is the inventory path of an object, as in /vcqaDC/vm/folder/name.
func (sim *inventory) path(ref *types.ManagedObjectReference) string {
	var names []string
	for ref != nil {
		entity, ok := sim.objects().Get(*ref).(mo.Entity)
		if !ok || entity.Entity().Parent == nil {
			break
		}
		names = append(names, entity.Entity().Name)
		ref = entity.Entity().Parent
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// finished waits for the task of a call that gives a task and an error.
func finished(ctx context.Context) func(*object.Task, error) error {
	return func(task *object.Task, err error) error {
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
}

// setTaskDelays replaces the whole table, because tasks read it unlocked.
func setTaskDelays(ms map[string]int) {
	table := map[string]int{"LockHandoff": 0}
	for name, delay := range ms {
		table[name] = delay
	}
	simulator.TaskDelay.MethodDelay = table
}

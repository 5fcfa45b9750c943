package main

import (
	"sort"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const markerPrefix = "vmgroup"

type vmView struct {
	Moid         string `json:"moid"`
	Name         string `json:"name"`
	Folder       string `json:"folder"`
	InstanceUUID string `json:"instance_uuid"`
	Power        string `json:"power"`
	Connection   string `json:"connection"`
	Template     bool   `json:"template"`
	CPUs         int32  `json:"cpus"`
	MemoryMB     int32  `json:"memory_mb"`
	DiskKeys     []int  `json:"disk_keys"`
	// Markers holds the extraConfig that vmgroup wrote.
	Markers map[string]string `json:"markers"`
}

// listVMs gives the truth, the configuration of inaccessible VMs included.
func (sim *inventory) listVMs() map[string]any {
	vms := []vmView{}
	owners := make(map[string][]string)
	ctx := sim.context()
	for _, entity := range sim.objects().All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		var view vmView
		ctx.WithLock(vm, func() { view = sim.view(vm) })
		view.Folder = sim.path(vm.Parent)
		vms = append(vms, view)
		owners[view.InstanceUUID] = append(owners[view.InstanceUUID], view.Moid)
	}
	sort.Slice(vms, func(i, j int) bool { return vms[i].Moid < vms[j].Moid })
	duplicates := make(map[string][]string)
	for id, moids := range owners {
		if len(moids) > 1 {
			sort.Strings(moids)
			duplicates[id] = moids
		}
	}
	return map[string]any{"vms": vms, "duplicates": duplicates}
}

func (sim *inventory) view(vm *simulator.VirtualMachine) vmView {
	sim.mu.Lock()
	config, ok := sim.hidden[vm.Self]
	sim.mu.Unlock()
	if !ok {
		config = vm.Config
	}
	view := vmView{
		Moid:         vm.Self.Value,
		Name:         vm.Name,
		InstanceUUID: config.InstanceUuid,
		Power:        string(vm.Runtime.PowerState),
		Connection:   string(vm.Runtime.ConnectionState),
		Template:     config.Template,
		CPUs:         config.Hardware.NumCPU,
		MemoryMB:     config.Hardware.MemoryMB,
		DiskKeys:     []int{},
		Markers:      make(map[string]string),
	}
	for _, device := range config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			view.DiskKeys = append(view.DiskKeys, int(disk.Key))
		}
	}
	for _, option := range config.ExtraConfig {
		value := option.GetOptionValue()
		if text, ok := value.Value.(string); ok && strings.HasPrefix(value.Key, markerPrefix) {
			view.Markers[value.Key] = text
		}
	}
	return view
}

type folderView struct {
	Moid string `json:"moid"`
	Path string `json:"path"`
}

func (sim *inventory) listFolders() []folderView {
	folders := []folderView{}
	for _, entity := range sim.objects().All("Folder") {
		ref := entity.Reference()
		folders = append(folders, folderView{Moid: ref.Value, Path: sim.path(&ref)})
	}
	sort.Slice(folders, func(i, j int) bool { return folders[i].Path < folders[j].Path })
	return folders
}

type taskView struct {
	Moid        string `json:"moid"`
	Name        string `json:"name"`
	Entity      string `json:"entity"`
	State       string `json:"state"`
	Fault       string `json:"fault,omitempty"`
	Result      string `json:"result,omitempty"`
	OperationID string `json:"operation_id"`
	User        string `json:"user"`
	EndedMs     int64  `json:"ended_ms"`
}

// listTasks gives the tasks that calls from outside made, vanished ones included.
func (sim *inventory) listTasks(trace *trace) []taskView {
	tasks := []taskView{}
	for _, info := range sim.tasks() {
		view := describe(&info)
		view.OperationID, view.User = trace.operation(view.Moid)
		if view.User != "" {
			tasks = append(tasks, view)
		}
	}
	sort.Slice(tasks, func(i, j int) bool { return tasks[i].Moid < tasks[j].Moid })
	return tasks
}

func describe(info *types.TaskInfo) taskView {
	view := taskView{Moid: info.Task.Value, Name: info.Name, Entity: info.Entity.Value, State: string(info.State)}
	if info.CompleteTime != nil {
		view.EndedMs = info.CompleteTime.UnixMilli()
	}
	if info.Error != nil {
		view.Fault = typeName(info.Error.Fault)
	}
	if ref, ok := info.Result.(types.ManagedObjectReference); ok {
		view.Result = ref.Value
	}
	return view
}

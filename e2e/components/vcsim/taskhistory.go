package main

import (
	"maps"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	historiesMax = 32
	pageDefault  = 10
	pageMax      = 1000
)

// taskHistory lists tasks, also those whose objects have vanished. The
// simulator's own ignores the user that a filter names.
type taskHistory struct {
	mo.TaskHistoryCollector
	sim  *inventory
	spec types.TaskFilterSpec
	size int
}

// CreateCollectorForTasks stands in for the simulator's. What vmgroup does not
// ask for is refused, so that no test relies on it.
func (c *corrections) CreateCollectorForTasks(ctx *simulator.Context, req *types.CreateCollectorForTasks) soap.HasFault {
	body := &methods.CreateCollectorForTasksBody{}
	spec := req.Filter
	recursive := spec.Entity != nil && spec.Entity.Recursion != types.TaskFilterSpecRecursionOptionSelf
	if recursive || spec.Time != nil {
		body.Fault_ = simulator.Fault("", &types.NotSupported{})
		return body
	}
	made := &taskHistory{sim: c.sim, spec: spec, size: pageDefault}
	made.Self.Type = "TaskHistoryCollector"
	made.Filter = spec
	c.sim.mu.Lock()
	full := len(c.sim.histories) >= historiesMax
	c.sim.mu.Unlock()
	if full {
		body.Fault_ = simulator.Fault("too many collectors", &types.InvalidState{})
		return body
	}
	ref := ctx.Session.Put(made).Reference()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	c.sim.histories[ref] = ctx.Session.Key
	body.Res = &types.CreateCollectorForTasksResponse{Returnval: ref}
	return body
}

// Get is how the simulator reads the properties.
func (h *taskHistory) Get() mo.Reference {
	seen := h.TaskHistoryCollector
	h.sim.mu.Lock()
	lags := h.sim.historyLags
	h.sim.mu.Unlock()
	for _, info := range h.sim.tasks() {
		late := lags && info.CompleteTime == nil
		if !late && len(seen.LatestPage) < h.size && h.lists(&info) {
			seen.LatestPage = append(seen.LatestPage, info)
		}
	}
	return &seen
}

func (h *taskHistory) lists(info *types.TaskInfo) bool {
	if h.spec.Entity != nil && (info.Entity == nil || *info.Entity != h.spec.Entity.Entity) {
		return false
	}
	if len(h.spec.State) > 0 && !slices.Contains(h.spec.State, info.State) {
		return false
	}
	if h.spec.UserName == nil || len(h.spec.UserName.UserList) == 0 {
		return true
	}
	by, ok := info.Reason.(*types.TaskReasonUser)
	return ok && slices.Contains(h.spec.UserName.UserList, by.UserName)
}

// tasks gives all tasks, the newest first.
func (sim *inventory) tasks() (all []types.TaskInfo) {
	ctx := sim.context()
	for _, object := range sim.objects().AllReference("Task") {
		task := object.(*simulator.Task)
		ctx.WithLock(task, func() { all = append(all, task.Info) })
	}
	sim.mu.Lock()
	all = append(all, sim.retired...)
	sim.mu.Unlock()
	slices.SortFunc(all, func(a, b types.TaskInfo) int { return compareRefs(b.Task, a.Task) })
	// One may be found in both places while it vanishes.
	return slices.CompactFunc(all, func(a, b types.TaskInfo) bool { return a.Task == b.Task })
}

// SetCollectorPageSize says how many tasks the latest page holds.
func (h *taskHistory) SetCollectorPageSize(_ *simulator.Context, req *types.SetCollectorPageSize) soap.HasFault {
	body := &methods.SetCollectorPageSizeBody{}
	if req.MaxCount < 1 || req.MaxCount > pageMax {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "maxCount"})
		return body
	}
	h.size = int(req.MaxCount)
	body.Res = &types.SetCollectorPageSizeResponse{}
	return body
}

// DestroyCollector ends the list.
func (h *taskHistory) DestroyCollector(ctx *simulator.Context, req *types.DestroyCollector) soap.HasFault {
	h.sim.mu.Lock()
	delete(h.sim.histories, req.This)
	h.sim.mu.Unlock()
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyCollectorBody{Res: &types.DestroyCollectorResponse{}}
}

// endHistories ends the lists of a session.
func (sim *inventory) endHistories(session string) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	maps.DeleteFunc(sim.histories, func(_ types.ManagedObjectReference, of string) bool { return of == session })
}

package main

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// changes hears of everything that happens in the inventory and marks it in the
// filters that it concerns. What a change costs grows with the number of filters
// and views, not with the number of VMs.
//
// The simulator tells of objects, but not of all their properties: a clone and a
// reconfiguration set some without a word. So an object that is marked is read
// and compared when a client is answered, and the end of a task marks what the
// task worked on.
type changes struct {
	// The simulator searches all objects, and expects one of its own in each.
	mo.ExtensibleManagedObject
	sim *inventory

	// mu is held for moments, and only the locks of the registry and the inventory
	// are taken under it.
	mu      sync.Mutex
	views   map[types.ManagedObjectReference]*view
	filters map[types.ManagedObjectReference]*filter
	// born tells which VMs are complete: the simulator lists a VM before it has
	// its name and its extraConfig, which a vCenter never shows.
	born map[types.ManagedObjectReference]bool
	// steps orders what enters a view and what is marked in a filter.
	steps uint64
}

var changesRef = types.ManagedObjectReference{Type: "VcsimChanges", Value: "changes"}

// installChanges also makes the collectors that sessions have by default ours.
func installChanges(sim *inventory, defaultCollector types.ManagedObjectReference) *changes {
	c := &changes{
		sim:     sim,
		views:   make(map[types.ManagedObjectReference]*view),
		filters: make(map[types.ManagedObjectReference]*filter),
		born:    make(map[types.ManagedObjectReference]bool),
	}
	c.Self = changesRef
	sim.objects().Put(c)
	sim.objects().AddHandler(c)
	byDefault := &collector{}
	byDefault.Self = defaultCollector
	sim.objects().Put(byDefault)
	return c
}

func changesOf(ctx *simulator.Context) *changes {
	return ctx.Map.Get(changesRef).(*changes)
}

func (c *changes) Reference() types.ManagedObjectReference { return c.Self }

// PutObject hears of an object that is made, or moved.
func (c *changes) PutObject(ctx *simulator.Context, o mo.Reference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ref := o.Reference()
	if _, known := c.born[ref]; !known && ref.Type == "VirtualMachine" {
		c.born[ref] = false
		return
	}
	if entity, ok := o.(mo.Entity); ok {
		c.place(ctx.Map, entity)
		if folder, ok := o.(*simulator.Folder); ok && len(folder.ChildEntity) > 0 {
			for _, below := range ctx.Map.All("") {
				c.place(ctx.Map, below)
			}
		}
	}
	c.mark(ref)
}

// UpdateObject hears of properties that change.
func (c *changes) UpdateObject(ctx *simulator.Context, o mo.Reference, properties []types.PropertyChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, property := range properties {
		switch property.Name {
		case "name":
			// The last step of a VM's creation.
			if vm, ok := o.(*mo.VirtualMachine); ok && !c.born[vm.Self] {
				c.sim.complete(vm)
				c.born[vm.Self] = true
				c.place(ctx.Map, vm)
			}
		case "parent", "resourcePool", "runtime.host":
			if entity, ok := o.(mo.Entity); ok {
				c.place(ctx.Map, entity)
			}
		case "info.state":
			if task, ok := o.(*mo.Task); ok {
				putLabel(ctx, &task.Info)
				c.markWork(&task.Info)
			}
		}
	}
	c.mark(o.Reference())
}

// RemoveObject hears of an object that is about to go.
func (c *changes) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.born, ref)
	for _, v := range c.views {
		c.put(v, ref, false)
	}
	for _, f := range c.filters {
		if _, named := f.named[ref]; named {
			delete(f.named, ref)
			c.markIn(f, ref)
		}
	}
}

// place puts an entity into the container views that it belongs to, and takes it
// out of the others.
func (c *changes) place(objects *simulator.Registry, entity mo.Entity) {
	if born, known := c.born[entity.Reference()]; known && !born {
		return
	}
	for _, v := range c.views {
		if v.container != nil {
			c.put(v, entity.Reference(), v.covers(objects, entity))
		}
	}
}

// put makes an object a member of a view, or ends that.
func (c *changes) put(v *view, ref types.ManagedObjectReference, inside bool) {
	if _, was := v.members[ref]; was == inside {
		return
	}
	if inside {
		c.steps++
		v.members[ref] = c.steps
	} else {
		delete(v.members, ref)
	}
	for _, f := range c.filters {
		if f.views[v] {
			c.markIn(f, ref)
		}
	}
}

// touch has an object read again that a call may have changed without a word, as
// the simulator does when a VM becomes a template.
func (c *changes) touch(ref types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark(ref)
}

// mark has an object read again for all filters that show it.
func (c *changes) mark(ref types.ManagedObjectReference) {
	for _, f := range c.filters {
		if f.selects(ref) {
			c.markIn(f, ref)
		}
	}
}

func (c *changes) markIn(f *filter, ref types.ManagedObjectReference) {
	if _, marked := f.marked[ref]; !marked {
		c.steps++
		f.marked[ref] = c.steps
	}
	f.owner.ring()
}

// markWork marks what a task that has ended worked on.
func (c *changes) markWork(info *types.TaskInfo) {
	if info.State != types.TaskInfoStateSuccess && info.State != types.TaskInfoStateError {
		return
	}
	if info.Entity != nil {
		c.mark(*info.Entity)
	}
	if made, ok := info.Result.(types.ManagedObjectReference); ok {
		c.mark(made)
	}
}

// endSession forgets the views and filters of a session.
func (c *changes) endSession(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ref, f := range c.filters {
		if f.session == key {
			f.owner.stop()
			delete(c.filters, ref)
		}
	}
	for ref, v := range c.views {
		if v.session == key {
			delete(c.views, ref)
		}
	}
}

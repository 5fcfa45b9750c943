package main

import (
	"path"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// view is a set of objects that filters follow. The simulator's own walk the
// whole container for each new object, and keep what is moved away.
type view struct {
	session string
	// container is nil for a list view.
	container *types.ManagedObjectReference
	recursive bool
	kinds     []string
	// members are guarded by changes.mu, and ordered by their step.
	members map[types.ManagedObjectReference]uint64
}

// covers tells whether an entity belongs to a container view.
func (v *view) covers(objects *simulator.Registry, entity mo.Entity) bool {
	if len(v.kinds) > 0 {
		kind := kindOf(entity)
		if !slices.ContainsFunc(v.kinds, func(name string) bool { return isKind(kind, name) }) {
			return false
		}
	}
	return v.above(objects, entity)
}

func (v *view) above(objects *simulator.Registry, entity mo.Entity) bool {
	for _, parent := range parents(entity) {
		if parent == nil {
			continue
		}
		if *parent == *v.container {
			return true
		}
		if next, ok := objects.Get(*parent).(mo.Entity); ok && v.recursive && v.above(objects, next) {
			return true
		}
	}
	return false
}

// parents are the objects that list an entity: a VM is in a folder, on a host
// and in a resource pool.
func parents(entity mo.Entity) []*types.ManagedObjectReference {
	found := []*types.ManagedObjectReference{entity.Entity().Parent}
	switch vm := entity.(type) {
	case *simulator.VirtualMachine:
		found = append(found, vm.ResourcePool, vm.Runtime.Host)
	case *mo.VirtualMachine:
		found = append(found, vm.ResourcePool, vm.Runtime.Host)
	}
	return found
}

// kindOf is the vSphere type of an object, whatever the simulator wraps around it.
func kindOf(o mo.Reference) reflect.Type {
	kind := reflect.TypeOf(o).Elem()
	for path.Base(kind.PkgPath()) != "mo" {
		kind = kind.Field(0).Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
	}
	return kind
}

// isKind tells whether a type is the named one or derived from it.
func isKind(kind reflect.Type, name string) bool {
	if kind.Name() == name {
		return true
	}
	base, ok := kind.FieldByName(name)
	return ok && base.Anonymous
}

// list gives the members of a view in the order in which they came.
func (c *changes) list(v types.ManagedObjectReference) []types.ManagedObjectReference {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.views[v]
	if !ok {
		return nil
	}
	return inOrder(known.members)
}

func inOrder(steps map[types.ManagedObjectReference]uint64) []types.ManagedObjectReference {
	refs := make([]types.ManagedObjectReference, 0, len(steps))
	for ref := range steps {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b types.ManagedObjectReference) int {
		if steps[a] < steps[b] {
			return -1
		}
		return 1
	})
	return refs
}

// containerView is what a session sees of a view.
type containerView struct {
	mo.ContainerView
	changes *changes
}

// Get is how the simulator reads the properties.
func (v *containerView) Get() mo.Reference {
	seen := v.ContainerView
	seen.View = v.changes.list(v.Self)
	return &seen
}

// CreateContainerView stands in for the simulator's.
func (c *corrections) CreateContainerView(ctx *simulator.Context, req *types.CreateContainerView) soap.HasFault {
	body := &methods.CreateContainerViewBody{}
	if _, ok := ctx.Map.Get(req.Container).(mo.Entity); !ok {
		body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.Container})
		return body
	}
	made := &containerView{changes: changesOf(ctx)}
	made.Container, made.Recursive, made.Type = req.Container, req.Recursive, req.Type
	made.Self.Type = "ContainerView"
	body.Res = &types.CreateContainerViewResponse{Returnval: ctx.Session.Put(made).Reference()}
	v := &view{
		session:   ctx.Session.Key,
		container: &req.Container,
		recursive: req.Recursive,
		kinds:     req.Type,
		members:   make(map[types.ManagedObjectReference]uint64),
	}
	made.changes.addView(ctx.Map, made.Self, v)
	return body
}

func (c *changes) addView(objects *simulator.Registry, ref types.ManagedObjectReference, v *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views[ref] = v
	if v.container == nil {
		return
	}
	entities := objects.All("")
	slices.SortFunc(entities, func(a, b mo.Entity) int {
		return compareRefs(a.Reference(), b.Reference())
	})
	for _, entity := range entities {
		if born, known := c.born[entity.Reference()]; born || !known {
			c.put(v, entity.Reference(), v.covers(objects, entity))
		}
	}
}

// DestroyView ends the view; what filters show of it leaves them.
func (v *containerView) DestroyView(ctx *simulator.Context, req *types.DestroyView) soap.HasFault {
	v.changes.dropView(req.This)
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyViewBody{Res: &types.DestroyViewResponse{}}
}

func (c *changes) dropView(ref types.ManagedObjectReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.views[ref]; ok {
		for _, member := range inOrder(v.members) {
			c.put(v, member, false)
		}
		delete(c.views, ref)
	}
}

// compareRefs orders by age: the simulator numbers what it makes.
func compareRefs(a, b types.ManagedObjectReference) int {
	if a.Type == b.Type && len(a.Value) != len(b.Value) {
		return len(a.Value) - len(b.Value)
	}
	if a.Type+a.Value < b.Type+b.Value {
		return -1
	}
	return 1
}

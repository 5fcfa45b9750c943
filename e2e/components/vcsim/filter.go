package main

import (
	"maps"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// filter is one question of a collector: which properties of which objects.
type filter struct {
	mo.PropertyFilter
	owner   *collector
	session string

	// The next three are guarded by changes.mu; marked orders by step.
	views  map[*view]bool
	named  map[types.ManagedObjectReference]bool
	marked map[types.ManagedObjectReference]uint64

	// known is what the collector's answers add up to: property by property.
	known map[types.ManagedObjectReference]map[string]types.AnyType
}

// selects tells whether an object is shown.
func (f *filter) selects(ref types.ManagedObjectReference) bool {
	if f.named[ref] {
		return true
	}
	for v := range f.views {
		if _, member := v.members[ref]; member {
			return true
		}
	}
	return false
}

// CreateFilter understands objects and the members of views, which is all that
// vmgroup asks for: other traversals are refused, so that no test relies on them.
func (p *collector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	body := &methods.CreateFilterBody{}
	f := &filter{
		owner:   p,
		session: ctx.Session.Key,
		views:   make(map[*view]bool),
		named:   make(map[types.ManagedObjectReference]bool),
		marked:  make(map[types.ManagedObjectReference]uint64),
		known:   make(map[types.ManagedObjectReference]map[string]types.AnyType),
	}
	f.Spec, f.PartialUpdates = req.Spec, req.PartialUpdates
	c := changesOf(ctx)
	if fault := c.resolve(ctx, f); fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	f.Self.Type = "PropertyFilter"
	body.Res = &types.CreateFilterResponse{Returnval: ctx.Session.Put(f).Reference()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filters[f.Self] = f
	p.filters = append(p.filters, f)
	c.markAll(f)
	return body
}

// resolve finds the views and objects of a filter's spec.
func (c *changes) resolve(ctx *simulator.Context, f *filter) types.BaseMethodFault {
	for _, set := range f.Spec.ObjectSet {
		if ctx.Session.Get(set.Obj) == nil {
			return &types.ManagedObjectNotFound{Obj: set.Obj}
		}
		if len(set.SelectSet) == 0 || set.Skip == nil || !*set.Skip {
			f.named[set.Obj] = true
		}
		for _, selection := range set.SelectSet {
			traversal, ok := selection.(*types.TraversalSpec)
			if !ok || traversal.Path != "view" || len(traversal.SelectSet) > 0 {
				return &types.NotSupported{}
			}
			c.mu.Lock()
			v, ok := c.views[set.Obj]
			c.mu.Unlock()
			if !ok {
				return &types.NotSupported{}
			}
			f.views[v] = true
		}
	}
	return nil
}

// markAll has everything read that a filter shows.
func (c *changes) markAll(f *filter) {
	for _, ref := range slices.SortedFunc(maps.Keys(f.named), compareRefs) {
		c.markIn(f, ref)
	}
	for v := range f.views {
		for _, ref := range inOrder(v.members) {
			c.markIn(f, ref)
		}
	}
	f.owner.ring()
}

// DestroyPropertyFilter ends a filter; what it showed is not said to leave.
func (f *filter) DestroyPropertyFilter(ctx *simulator.Context, req *types.DestroyPropertyFilter) soap.HasFault {
	changesOf(ctx).dropFilter(f)
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyFilterBody{Res: &types.DestroyPropertyFilterResponse{}}
}

func (c *changes) dropFilter(f *filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.filters, f.Self)
	f.owner.filters = slices.DeleteFunc(f.owner.filters, func(other *filter) bool { return other == f })
}

// sight is an object as it was found when it was read, nil if the filter does
// not show it any more.
type sight = *types.ObjectContent

// tell gives what a client has to hear of an object, nil if nothing.
func (f *filter) tell(ref types.ManagedObjectReference, seen sight) *types.ObjectUpdate {
	before, was := f.known[ref]
	update := &types.ObjectUpdate{Obj: ref}
	if seen == nil {
		if !was {
			return nil
		}
		delete(f.known, ref)
		update.Kind = types.ObjectUpdateKindLeave
		return update
	}
	after := make(map[string]types.AnyType, len(seen.PropSet))
	for _, property := range seen.PropSet {
		after[property.Name] = property.Val
		if old, had := before[property.Name]; !had || !reflect.DeepEqual(old, property.Val) {
			update.ChangeSet = append(update.ChangeSet, assign(property.Name, property.Val))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[name]; !still {
			update.ChangeSet = append(update.ChangeSet, assign(name, nil))
		}
	}
	f.known[ref] = after
	if !was {
		update.Kind, update.MissingSet = types.ObjectUpdateKindEnter, seen.MissingSet
		return update
	}
	update.Kind = types.ObjectUpdateKindModify
	if len(update.ChangeSet) == 0 {
		return nil
	}
	return update
}

func assign(name string, value types.AnyType) types.PropertyChange {
	return types.PropertyChange{Name: name, Op: types.PropertyChangeOpAssign, Val: value}
}

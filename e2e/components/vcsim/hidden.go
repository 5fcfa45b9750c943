package main

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The configuration of an inaccessible VM is unset in every read. The simulator
// itself needs an empty one in its place, whose numbers would read as 0.

// RetrievePropertiesEx reads, without what is hidden.
func (p *collector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	body := p.PropertyCollector.RetrievePropertiesEx(ctx, req)
	if answer, ok := body.(*methods.RetrievePropertiesExBody); ok && answer.Res != nil && answer.Res.Returnval != nil {
		changesOf(ctx).sim.hide(answer.Res.Returnval.Objects)
	}
	return body
}

// ContinueRetrievePropertiesEx gives the next page, without what is hidden.
func (p *collector) ContinueRetrievePropertiesEx(ctx *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	body := p.PropertyCollector.ContinueRetrievePropertiesEx(ctx, req)
	if answer, ok := body.(*methods.ContinueRetrievePropertiesExBody); ok && answer.Res != nil {
		changesOf(ctx).sim.hide(answer.Res.Returnval.Objects)
	}
	return body
}

// RetrieveProperties is the older form.
func (p *collector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	body := p.PropertyCollector.RetrieveProperties(ctx, req)
	if answer, ok := body.(*methods.RetrievePropertiesBody); ok && answer.Res != nil {
		changesOf(ctx).sim.hide(answer.Res.Returnval)
	}
	return body
}

func (sim *inventory) hide(objects []types.ObjectContent) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	for i := range objects {
		if _, hidden := sim.hidden[objects[i].Obj]; hidden {
			objects[i].PropSet = slices.DeleteFunc(objects[i].PropSet, func(property types.DynamicProperty) bool {
				return property.Name == "config" || strings.HasPrefix(property.Name, "config.")
			})
		}
	}
}

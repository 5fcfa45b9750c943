package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// watch makes a collector with a filter on some properties of the VMs of a view.
func (b *bench) watch(t *testing.T, view types.ManagedObjectReference, kind string, paths ...string) *waiting {
	t.Helper()
	made, err := methods.CreatePropertyCollector(b.ctx, b.client,
		&types.CreatePropertyCollector{This: b.client.ServiceContent.PropertyCollector})
	must(t, err)
	w := &waiting{collector: made.Returnval}
	b.filter(t, w, view, kind, paths...)
	return w
}

func (b *bench) filter(t *testing.T, w *waiting, view types.ManagedObjectReference, kind string, paths ...string) {
	t.Helper()
	_, err := methods.CreateFilter(b.ctx, b.client, &types.CreateFilter{
		This: w.collector,
		Spec: types.PropertyFilterSpec{
			PropSet: []types.PropertySpec{{Type: kind, PathSet: paths}},
			ObjectSet: []types.ObjectSpec{{Obj: view, Skip: types.NewBool(true),
				SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: view.Type, Path: "view"}}}},
		}})
	must(t, err)
}

func (b *bench) inFolder(t *testing.T) types.ManagedObjectReference {
	t.Helper()
	made, err := methods.CreateContainerView(b.ctx, b.client, &types.CreateContainerView{
		This: *b.client.ServiceContent.ViewManager, Container: b.folder(t, operatorFolder).Reference(),
		Type: []string{"VirtualMachine"}, Recursive: true})
	must(t, err)
	return made.Returnval
}

func (b *bench) listed(t *testing.T, refs ...types.ManagedObjectReference) types.ManagedObjectReference {
	t.Helper()
	made, err := methods.CreateListView(b.ctx, b.client, &types.CreateListView{
		This: *b.client.ServiceContent.ViewManager, Obj: refs})
	must(t, err)
	return made.Returnval
}

// updates gives all object updates of one answer.
func (b *bench) updates(t *testing.T, w *waiting, seconds int32) (all []types.ObjectUpdate) {
	t.Helper()
	set, err := b.wait(w, seconds)
	must(t, err)
	if set != nil {
		for _, filter := range set.FilterSet {
			all = append(all, filter.ObjectSet...)
		}
	}
	return all
}

func names(update types.ObjectUpdate) (paths []string) {
	for _, change := range update.ChangeSet {
		paths = append(paths, change.Name)
	}
	return paths
}

const markerPath = `config.extraConfig["vmgroup.marker"]`

func TestAnEnterCarriesAllPropertiesAndAModifyOnlyTheChangedOnes(t *testing.T) {
	b := start(t)
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name", "runtime.powerState", "config.hardware.numCPU", markerPath)
	if first := b.updates(t, w, 0); len(first) != 0 || w.version == "" {
		t.Fatalf("an empty folder gave %v under version %q", first, w.version)
	}
	vm := b.clone(t, templateName, "a", extra("vmgroup.marker", "1"))
	entered := b.updates(t, w, 5)
	if len(entered) != 1 || entered[0].Kind != types.ObjectUpdateKindEnter || entered[0].Obj != vm.Self {
		t.Fatalf("%+v", entered)
	}
	all := []string{"name", "runtime.powerState", "config.hardware.numCPU", markerPath}
	if got := names(entered[0]); !slices.Equal(got, all) {
		t.Errorf("the enter names %v", got)
	}
	on := object.NewVirtualMachine(b.client.Client, vm.Self)
	for _, step := range []struct {
		change func() error
		path   string
		value  string
	}{
		{func() error { return finished(b.ctx)(on.Reconfigure(b.ctx, *extra("vmgroup.marker", "2"))) }, markerPath, "2"},
		{func() error {
			return finished(b.ctx)(on.Reconfigure(b.ctx, types.VirtualMachineConfigSpec{NumCPUs: 2}))
		}, "config.hardware.numCPU", "2"},
		{func() error { return finished(b.ctx)(on.PowerOn(b.ctx)) }, "runtime.powerState", "poweredOn"},
		{func() error { return finished(b.ctx)(on.Reconfigure(b.ctx, *extra("vmgroup.marker", ""))) }, markerPath, "<nil>"},
	} {
		must(t, step.change())
		got := b.updates(t, w, 5)
		if len(got) != 1 || got[0].Kind != types.ObjectUpdateKindModify || !slices.Equal(names(got[0]), []string{step.path}) {
			t.Fatalf("%s: %+v", step.path, got)
		}
		value := got[0].ChangeSet[0].Val
		if option, ok := value.(types.OptionValue); ok {
			value = option.Value
		}
		if fmt.Sprint(value) != step.value {
			t.Errorf("%s is %v", step.path, value)
		}
	}
	must(t, finished(b.ctx)(on.PowerOff(b.ctx)))
	b.updates(t, w, 5)
	must(t, finished(b.ctx)(on.Destroy(b.ctx)))
	if left := b.updates(t, w, 5); len(left) != 1 || left[0].Kind != types.ObjectUpdateKindLeave {
		t.Errorf("%+v", left)
	}
	if quiet := b.updates(t, w, 1); len(quiet) != 0 {
		t.Errorf("without a change there was %+v", quiet)
	}
}

func TestAVMThatBecomesATemplateIsTold(t *testing.T) {
	b := start(t)
	vm := b.clone(t, templateName, "a", nil)
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name", "config.template")
	b.updates(t, w, 0)
	must(t, object.NewVirtualMachine(b.client.Client, vm.Self).MarkAsTemplate(b.ctx))
	if got := b.updates(t, w, 5); len(got) != 1 || !slices.Equal(names(got[0]), []string{"config.template"}) {
		t.Errorf("%+v", got)
	}
}

func TestALostAnswerIsGivenAgainAndAnUnknownVersionIsRefused(t *testing.T) {
	b := start(t)
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name")
	b.updates(t, w, 0)
	before := w.version
	vm := b.clone(t, templateName, "a", nil)
	lost := b.updates(t, w, 5)
	after := w.version
	w.version = before
	again := b.updates(t, w, 5)
	if len(lost) != 1 || len(again) != 1 || again[0].Obj != vm.Self || w.version != after {
		t.Fatalf("lost %+v, then %+v under %q and %q", lost, again, after, w.version)
	}
	if more := b.updates(t, w, 0); len(more) != 0 {
		t.Errorf("an acknowledged answer came again: %+v", more)
	}
	unasked := b.watch(t, b.inFolder(t), "VirtualMachine", "name")
	unasked.version = "0"
	if _, err := b.wait(unasked, 0); !isFault[types.InvalidCollectorVersion](err) {
		t.Errorf("a version of nothing gave %v", err)
	}
	for _, version := range []string{before, "no version"} {
		w.version = version
		if _, err := b.wait(w, 0); !isFault[types.InvalidCollectorVersion](err) {
			t.Errorf("version %q gave %v", version, err)
		}
	}
	w.version = ""
	if all := b.updates(t, w, 0); len(all) != 1 || all[0].Kind != types.ObjectUpdateKindEnter {
		t.Errorf("asking anew gave %+v", all)
	}
}

func TestWhoSeesThatATaskHasEndedSeesWhatItDid(t *testing.T) {
	b := start(t)
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name")
	tasks := b.listed(t)
	b.filter(t, w, tasks, "Task", "info")
	b.updates(t, w, 0)
	seen := make(map[types.ManagedObjectReference]bool)
	for i := range 30 {
		task := b.cloneTask(t, templateName, fmt.Sprintf("a-%d", i), nil)
		_, err := methods.ModifyListView(b.ctx, b.client, &types.ModifyListView{
			This: tasks, Add: []types.ManagedObjectReference{task.Reference()}})
		must(t, err)
		for ended := false; !ended; {
			set := b.updates(t, w, 5)
			for _, update := range set {
				seen[update.Obj] = true
			}
			for _, update := range set {
				if update.Obj != task.Reference() {
					continue
				}
				info := update.ChangeSet[0].Val.(types.TaskInfo)
				ended = info.State == types.TaskInfoStateSuccess
				if made, ok := info.Result.(types.ManagedObjectReference); ended && ok && !seen[made] {
					t.Fatalf("%s had ended before %s was seen", task, made)
				}
			}
		}
	}
}

func TestAnAnswerHoldsAtMostAHundredObjects(t *testing.T) {
	b := start(t)
	const count = 230
	for i := range count {
		b.cloneTask(t, templateName, fmt.Sprintf("a-%d", i), nil)
	}
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name")
	seen := make(map[types.ManagedObjectReference]int)
	var sizes []int
	for deadline := time.Now().Add(60 * time.Second); len(seen) < count && time.Now().Before(deadline); {
		set, err := b.wait(w, 1)
		must(t, err)
		if set == nil || len(set.FilterSet) == 0 {
			continue
		}
		sizes = append(sizes, len(set.FilterSet[0].ObjectSet))
		for _, update := range set.FilterSet[0].ObjectSet {
			seen[update.Obj]++
		}
	}
	if len(seen) != count || slices.Max(sizes) > updatesMax {
		t.Fatalf("%d VMs in answers of %v", len(seen), sizes)
	}
	w.version = ""
	set, err := b.wait(w, 0)
	must(t, err)
	if set.Truncated == nil || !*set.Truncated || len(set.FilterSet[0].ObjectSet) != updatesMax {
		t.Errorf("the first of all is %v of %d", set.Truncated, len(set.FilterSet[0].ObjectSet))
	}
	if second := b.updates(t, w, 0); len(second) != updatesMax {
		t.Errorf("the second has %d", len(second))
	}
	if third := b.updates(t, w, 0); len(third) != count-2*updatesMax {
		t.Errorf("the third has %d", len(third))
	}
}

func TestACancelledWaitAndOneThatIsOvertakenEnd(t *testing.T) {
	b := start(t)
	w := b.watch(t, b.inFolder(t), "VirtualMachine", "name")
	b.updates(t, w, 0)
	for _, end := range []func(){
		func() {
			_, err := methods.CancelWaitForUpdates(b.ctx, b.client, &types.CancelWaitForUpdates{This: w.collector})
			must(t, err)
		},
		func() { b.updates(t, &waiting{collector: w.collector, version: w.version}, 0) },
	} {
		ended := make(chan error, 1)
		go func() {
			_, err := b.wait(&waiting{collector: w.collector, version: w.version}, 20)
			ended <- err
		}()
		time.Sleep(200 * time.Millisecond)
		end()
		if err := <-ended; !isFault[types.RequestCanceled](err) {
			t.Errorf("the wait gave %v", err)
		}
	}
}

func TestAListViewShowsExactlyWhatItLists(t *testing.T) {
	b := start(t)
	first, second := b.clone(t, templateName, "a", nil).Self, b.clone(t, templateName, "b", nil).Self
	list := b.listed(t, first)
	w := b.watch(t, list, "VirtualMachine", "name")
	if got := b.updates(t, w, 0); len(got) != 1 || got[0].Obj != first {
		t.Fatalf("%+v", got)
	}
	stranger := types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-none"}
	res, err := methods.ModifyListView(b.ctx, b.client, &types.ModifyListView{
		This: list, Add: []types.ManagedObjectReference{second, stranger}, Remove: []types.ManagedObjectReference{first}})
	must(t, err)
	if !slices.Equal(res.Returnval, []types.ManagedObjectReference{stranger}) {
		t.Errorf("unknown are %v", res.Returnval)
	}
	got := b.updates(t, w, 5)
	if len(got) != 2 || got[0].Obj != first || got[0].Kind != types.ObjectUpdateKindLeave ||
		got[1].Obj != second || got[1].Kind != types.ObjectUpdateKindEnter {
		t.Errorf("%+v", got)
	}
}

func TestSessionsDoNotTakeUpdatesFromEachOther(t *testing.T) {
	b := start(t)
	w := &waiting{collector: b.client.ServiceContent.PropertyCollector}
	b.filter(t, w, b.inFolder(t), "VirtualMachine", "name")
	b.updates(t, w, 0)
	other := b.another(t)
	theirs := &waiting{collector: w.collector}
	other.filter(t, theirs, other.inFolder(t), "VirtualMachine", "name")
	other.updates(t, theirs, 0)
	b.clone(t, templateName, "a", nil)
	if mine, yours := b.updates(t, w, 5), other.updates(t, theirs, 5); len(mine) != 1 || len(yours) != 1 {
		t.Errorf("one session got %d updates, the other %d", len(mine), len(yours))
	}
}

func TestATraversalThatIsNotFollowedIsRefused(t *testing.T) {
	b := start(t)
	_, err := methods.CreateFilter(b.ctx, b.client, &types.CreateFilter{
		This: b.client.ServiceContent.PropertyCollector,
		Spec: types.PropertyFilterSpec{
			PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: b.folder(t, operatorFolder).Reference(),
				SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "Folder", Path: "childEntity"}}}},
		}})
	if !isFault[types.NotSupported](err) {
		t.Errorf("it gave %v", err)
	}
}

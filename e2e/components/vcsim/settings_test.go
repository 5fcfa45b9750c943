package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// set asks the control port for a setting.
func (b *bench) set(t *testing.T, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, path, strings.NewReader(body))
	must(t, err)
	answer := &status{}
	newControl(b.sim, b.gate).ServeHTTP(answer, req)
	if answer.code != 0 && answer.code != http.StatusOK {
		t.Fatalf("%s %s gave %d", path, body, answer.code)
	}
}

type status struct {
	code   int
	header http.Header
}

func (s *status) Header() http.Header {
	if s.header == nil {
		s.header = make(http.Header)
	}
	return s.header
}
func (s *status) Write(text []byte) (int, error) { return len(text), nil }
func (s *status) WriteHeader(code int)           { s.code = code }

func TestALoginBeyondTheLimitIsRefused(t *testing.T) {
	b := start(t)
	b.set(t, "/sessions/limits", `{"max": 2}`)
	second := b.another(t)
	if _, err := govmomi.NewClient(b.ctx, b.target, true); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("the third login gave %v", err)
	}
	must(t, second.client.Logout(b.ctx))
	b.another(t)
}

func TestASessionThatIsNotUsedEndsAndAWaitKeepsOneAlive(t *testing.T) {
	b := start(t)
	other := b.another(t)
	w := other.watch(t, other.inFolder(t), "VirtualMachine", "name")
	other.updates(t, w, 0)
	b.set(t, "/sessions/limits", `{"idle_ms": 500}`)
	other.updates(t, w, 2)
	if _, err := methods.GetCurrentTime(b.ctx, b.client); !isFault[types.NotAuthenticated](err) {
		t.Errorf("the idle session gave %v", err)
	}
	other.updates(t, w, 0)
	if left := b.gate.countSessions(); left != 1 {
		t.Errorf("%d sessions are left", left)
	}
}

func TestAReconfigurationOfAnOlderVersionIsRefused(t *testing.T) {
	b := start(t)
	vm := b.clone(t, templateName, "a", nil)
	on := object.NewVirtualMachine(b.client.Client, vm.Self)
	spec := extra("vmgroup.a", "1")
	spec.ChangeVersion = vm.Config.ChangeVersion
	must(t, finished(b.ctx)(on.Reconfigure(b.ctx, *spec)))
	var concurrent *types.ConcurrentAccess
	if _, ok := fault.As(finished(b.ctx)(on.Reconfigure(b.ctx, *spec)), &concurrent); !ok {
		t.Error("the second of two with one version was carried out")
	}
	spec.ChangeVersion = b.read(t, vm.Self).Config.ChangeVersion
	must(t, finished(b.ctx)(on.Reconfigure(b.ctx, *spec)))
}

func TestATaskVanishesSomeTimeAfterItsEndAndIsStillListed(t *testing.T) {
	b := start(t)
	b.set(t, "/tasks/retention", `{"ms": 50}`)
	task := b.cloneTask(t, templateName, "a", nil)
	list := b.listed(t, task.Reference())
	w := b.watch(t, list, "Task", "info.state")
	left := false
	for deadline := time.Now().Add(10 * time.Second); !left && time.Now().Before(deadline); {
		for _, update := range b.updates(t, w, 1) {
			left = left || update.Kind == types.ObjectUpdateKindLeave
		}
	}
	if !left || b.sim.objects().Get(task.Reference()) != nil {
		t.Fatal("the task is still there")
	}
	if err := task.Wait(b.ctx); !isFault[types.ManagedObjectNotFound](err) {
		t.Errorf("waiting for it gave %v", err)
	}
	template, err := b.finder.VirtualMachine(b.ctx, templateName)
	must(t, err)
	if slices.Contains(b.read(t, template.Reference()).RecentTask, task.Reference()) {
		t.Error("the template still names it")
	}
	if got := b.history(t, "u"); !slices.Equal(got, []string{task.Reference().Value}) {
		t.Errorf("the history of tasks lists %v", got)
	}
	if got := b.history(t, "somebody"); len(got) != 0 {
		t.Errorf("the history of tasks of somebody else lists %v", got)
	}
	listed := b.sim.listTasks(&b.gate.trace)
	if len(listed) != 1 || listed[0].State != "success" || listed[0].User != "u" {
		t.Errorf("%+v", listed)
	}
}

// history gives the tasks of a user as a task collector lists them.
func (b *bench) history(t *testing.T, user string) (tasks []string) {
	t.Helper()
	made, err := methods.CreateCollectorForTasks(b.ctx, b.client, &types.CreateCollectorForTasks{
		This: *b.client.ServiceContent.TaskManager,
		Filter: types.TaskFilterSpec{
			UserName: &types.TaskFilterSpecByUsername{UserList: []string{user}},
			State:    []types.TaskInfoState{types.TaskInfoStateSuccess},
		}})
	must(t, err)
	_, err = methods.SetCollectorPageSize(b.ctx, b.client, &types.SetCollectorPageSize{This: made.Returnval, MaxCount: 100})
	must(t, err)
	var collector mo.TaskHistoryCollector
	must(t, property.DefaultCollector(b.client.Client).RetrieveOne(b.ctx, made.Returnval, []string{"latestPage"}, &collector))
	for _, info := range collector.LatestPage {
		tasks = append(tasks, info.Task.Value)
	}
	_, err = methods.DestroyCollector(b.ctx, b.client, &types.DestroyCollector{This: made.Returnval})
	must(t, err)
	return tasks
}

func TestATakenInstanceUUIDIsReplacedIfAskedFor(t *testing.T) {
	b := start(t)
	id := "11111111-2222-5333-8444-555555555555"
	clone := func(name string) string {
		return b.clone(t, templateName, name, &types.VirtualMachineConfigSpec{InstanceUuid: id}).Config.InstanceUuid
	}
	if first, second := clone("a"), clone("b"); first != id || second != id {
		t.Errorf("they are %s and %s", first, second)
	}
	found, err := object.NewSearchIndex(b.client.Client).FindAllByUuid(b.ctx, nil, id, true, types.NewBool(true))
	must(t, err)
	if len(found) != 2 {
		t.Errorf("%d VMs are found by it", len(found))
	}
	b.set(t, "/instance-uuids", `{"unique": true}`)
	if third := clone("c"); third == id || len(third) != len(id) {
		t.Errorf("it is %s", third)
	}
}

func TestAMissingPrivilegeIsNeitherListedNorGranted(t *testing.T) {
	b := start(t)
	vm := b.clone(t, templateName, "a", nil)
	b.set(t, "/privileges/missing", `{"privileges": ["VirtualMachine.Inventory.Delete"]}`)
	res, err := methods.FetchUserPrivilegeOnEntities(b.ctx, b.client, &types.FetchUserPrivilegeOnEntities{
		This: *b.client.ServiceContent.AuthorizationManager, UserName: "u",
		Entities: []types.ManagedObjectReference{vm.Self}})
	must(t, err)
	has := res.Returnval[0].Privileges
	if slices.Contains(has, "VirtualMachine.Inventory.Delete") || !slices.Contains(has, "VirtualMachine.Interact.PowerOn") {
		t.Errorf("it has %v", has)
	}
	on := object.NewVirtualMachine(b.client.Client, vm.Self)
	if _, err := on.Destroy(b.ctx); !isFault[types.NoPermission](err) {
		t.Errorf("destroying it gave %v", err)
	}
	b.set(t, "/privileges/missing", `{"privileges": []}`)
	must(t, finished(b.ctx)(on.Destroy(b.ctx)))
}

func TestTheClockOfVCenterMayBeWrong(t *testing.T) {
	b := start(t)
	b.set(t, "/clock", `{"skew_ms": 3600000}`)
	now, err := methods.GetCurrentTime(b.ctx, b.client)
	must(t, err)
	made := b.clone(t, templateName, "a", nil).Config.CreateDate
	for _, seen := range []*time.Time{now, made} {
		if seen == nil {
			must(t, errors.New("there is no time"))
		}
		if ahead := time.Until(*seen); ahead < 59*time.Minute || ahead > 61*time.Minute {
			t.Errorf("it is %s ahead", ahead)
		}
	}
}

func TestWithoutDRSACloneHasToNameItsHost(t *testing.T) {
	b := start(t)
	template, err := b.finder.VirtualMachine(b.ctx, templateName)
	must(t, err)
	pool, err := b.finder.ResourcePool(b.ctx, "*/Resources")
	must(t, err)
	hosts, err := b.finder.HostSystemList(b.ctx, "*/*")
	must(t, err)
	ref := pool.Reference()
	spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &ref}}
	b.set(t, "/drs", `{"on": false}`)
	if _, err := template.Clone(b.ctx, b.folder(t, operatorFolder), "a", spec); !isFault[types.InvalidArgument](err) {
		t.Errorf("a clone without a host gave %v", err)
	}
	host := hosts[0].Reference()
	spec.Location.Host = &host
	task, err := template.Clone(b.ctx, b.folder(t, operatorFolder), "a", spec)
	must(t, err)
	must(t, task.Wait(b.ctx))
	b.set(t, "/drs", `{"on": true}`)
	b.clone(t, templateName, "b", nil)
}

func TestARenamedFolderIsTheSameFolder(t *testing.T) {
	b := start(t)
	before := b.folder(t, operatorFolder).Reference()
	b.set(t, "/folders/rename", `{"path": "`+operatorFolder+`", "name": "other"}`)
	if _, err := b.finder.Folder(b.ctx, operatorFolder); err == nil {
		t.Error("the old name is still there")
	}
	if after := b.folder(t, "other").Reference(); after != before {
		t.Errorf("%v became %v", before, after)
	}
}

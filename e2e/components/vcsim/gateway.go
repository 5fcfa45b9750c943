package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

const requestBytesMax = 16 << 20

// gateway stands between the network and the simulator: it keeps the trace and
// makes go wrong what the tests asked for.
type gateway struct {
	sim   *inventory
	trace trace
	rules rules

	mu          sync.Mutex
	sessions    map[string]*session
	sessionsMax int
	idleLimit   time.Duration
}

func newGateway(sim *inventory) *gateway {
	g := &gateway{
		sim:         sim,
		sessions:    make(map[string]*session),
		sessionsMax: sessionsMax,
		idleLimit:   idleLimit,
	}
	sim.taskFault = func(method, object string) types.BaseMethodFault {
		return g.rules.fault("task", method, object)
	}
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.rules.out() {
		panic(http.ErrAbortHandler)
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, vim25.Path) {
		g.sim.service.ServeMux.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestBytesMax))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	call, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.serve(w, r, call)
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request, call *simulator.Method) {
	key, caller, leave := g.caller(r)
	defer leave()
	seen := g.trace.begin(call, key, caller.user)
	due := g.rules.due(call.Name)
	for _, t := range due {
		if t.When == "before" {
			g.trace.end(seen, "dropped", "", "")
			t.fire()
			panic(http.ErrAbortHandler)
		}
	}
	time.Sleep(time.Duration(g.rules.delay(call.Name)) * time.Millisecond)
	answer := g.answer(r, call, caller)
	fault, task := outcome(answer)
	result := "ok"
	if answer.Code != http.StatusOK {
		result = "fault"
	}
	g.learn(key, call, answer)
	if call.This.Type == "VirtualMachine" {
		g.sim.changes.touch(call.This)
	}
	lose := g.rules.out()
	for _, t := range due {
		lose = lose || t.LoseAnswer
	}
	if lose {
		result = "lost"
	}
	g.trace.end(seen, result, fault, task)
	for _, t := range due {
		t.fire()
	}
	if lose {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// answer executes a call. A wait ends with its session, as in vCenter.
func (g *gateway) answer(r *http.Request, call *simulator.Method, caller *session) *httptest.ResponseRecorder {
	if fault := g.rules.fault("call", call.Name, call.This.Value); fault != nil {
		return faultAnswer(fault)
	}
	if refusal := g.full(call); refusal != nil {
		return refusal
	}
	if !strings.HasPrefix(call.Name, "WaitForUpdates") {
		return g.execute(r, call)
	}
	done := make(chan *httptest.ResponseRecorder, 1)
	go func() { done <- g.execute(r, call) }()
	select {
	case answer := <-done:
		if !caller.over() {
			return answer
		}
	case <-caller.ended:
	}
	return faultAnswer(notAuthenticated(call.This))
}

// execute keeps a panic of the simulator from ending a call without an answer.
func (g *gateway) execute(r *http.Request, call *simulator.Method) (answer *httptest.ResponseRecorder) {
	answer = httptest.NewRecorder()
	settled := g.holdFolder(call)
	defer func() {
		if reason := recover(); reason != nil {
			log.Printf("panic in %s of %s: %v\n%s", call.Name, call.This, reason, debug.Stack())
			answer = faultAnswer(&types.SystemErrorFault{Reason: fmt.Sprint(reason)})
		}
		_, task := outcome(answer)
		settled(task)
	}()
	g.sim.service.ServeMux.ServeHTTP(answer, r)
	return answer
}

// holdFolder marks the target of a clone as in use until its task has ended,
// because the simulator ends with a panic when the folder goes meanwhile.
func (g *gateway) holdFolder(call *simulator.Method) func(task string) {
	req, ok := call.Body.(*types.CloneVM_Task)
	if !ok {
		return func(string) {}
	}
	count := func(by int) {
		g.sim.mu.Lock()
		defer g.sim.mu.Unlock()
		g.sim.cloning[req.Folder] += by
	}
	count(1)
	return func(moid string) {
		ref := types.ManagedObjectReference{Type: "Task", Value: moid}
		task, ok := g.sim.objects().Get(ref).(*simulator.Task)
		if !ok {
			count(-1)
			return
		}
		// The end of a task is told under its lock: it is still to come, or over.
		g.sim.context().WithLock(task, func() {
			if task.Info.CompleteTime != nil {
				count(-1)
				return
			}
			g.sim.mu.Lock()
			defer g.sim.mu.Unlock()
			g.sim.clones[ref] = req.Folder
		})
	}
}

var (
	faultType = regexp.MustCompile(`<detail><\w+[^>]* (?:\w+:)?type="(?:\w+:)?(\w+)"`)
	taskMoid  = regexp.MustCompile(`<returnval[^>]* type="Task"[^>]*>([^<]+)</returnval>`)
)

func outcome(answer *httptest.ResponseRecorder) (fault, task string) {
	if answer.Code == http.StatusServiceUnavailable {
		return "ServiceUnavailable", ""
	}
	if answer.Code != http.StatusOK {
		if found := faultType.FindSubmatch(answer.Body.Bytes()); found != nil {
			return string(found[1]), ""
		}
		return "unknown", ""
	}
	// The reference of a task is near the start of its answer.
	head := answer.Body.Bytes()[:min(answer.Body.Len(), 2048)]
	if found := taskMoid.FindSubmatch(head); found != nil {
		return "", string(found[1])
	}
	return "", ""
}

func faultAnswer(fault types.BaseMethodFault) *httptest.ResponseRecorder {
	kind := reflect.TypeOf(fault).Elem().Name()
	var detail bytes.Buffer
	encoder := xml.NewEncoder(&detail)
	start := xml.StartElement{
		Name: xml.Name{Local: kind + "Fault"},
		Attr: []xml.Attr{
			{Name: xml.Name{Local: "xmlns"}, Value: "urn:" + vim25.Namespace},
			{Name: xml.Name{Local: "xsi:type"}, Value: kind},
		},
	}
	if err := encoder.EncodeElement(fault, start); err != nil {
		log.Printf("cannot encode %s: %v", kind, err)
	}
	_ = encoder.Flush()
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "text/xml; charset=utf-8")
	answer.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(answer, `%s<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%s</faultstring><detail>%s</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`,
		xml.Header, kind, detail.String())
	return answer
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Printf("cannot write an answer of the control port: %v", err)
	}
}

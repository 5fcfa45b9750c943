package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"syscall"

	"github.com/vmware/govmomi/vim25/types"
)

// faultRule answers calls of a method with a fault. The simulator's own fault
// rules count under a read lock, so that two calls at once can both be the
// first; these count exactly.
type faultRule struct {
	Method string `json:"method"`
	// Object limits the rule to one managed object; empty means any.
	Object string `json:"object"`
	// Fault is the name of a vSphere type, Fields fills it.
	Fault  string          `json:"fault"`
	Fields json.RawMessage `json:"fields"`
	Skip   int             `json:"skip"`
	// Max is how often the rule fires; 0 means always.
	Max int `json:"max"`
	// At is "call" (nothing is executed, the default) or "task" (the call is
	// accepted and its task ends with the fault).
	At string `json:"at"`

	made  types.BaseMethodFault
	fired int
}

// trigger acts on the nth call of a method after it was set, once.
type trigger struct {
	Method string `json:"method"`
	Nth    int    `json:"nth"`
	// When is "before" (the call is not executed and gets no answer) or "after"
	// (it has been executed).
	When string `json:"when"`
	// Pid gets Signal; 0 signals nobody.
	Pid    int    `json:"pid"`
	Signal string `json:"signal"`
	// LoseAnswer ends the connection after execution, without an answer.
	LoseAnswer bool `json:"lose_answer"`

	seen int
	done bool
}

var signals = map[string]syscall.Signal{
	"":     syscall.SIGKILL,
	"KILL": syscall.SIGKILL,
	"STOP": syscall.SIGSTOP,
	"CONT": syscall.SIGCONT,
	"TERM": syscall.SIGTERM,
}

// rules is what the tests asked to go wrong.
type rules struct {
	mu       sync.Mutex
	faults   []*faultRule
	triggers []*trigger
	delays   map[string]int
	outage   bool
}

func (r *rules) addFault(rule *faultRule) error {
	kind, ok := types.TypeFunc()(rule.Fault)
	if !ok {
		return fmt.Errorf("vSphere knows no type %q", rule.Fault)
	}
	value := reflect.New(kind).Interface()
	fault, ok := value.(types.BaseMethodFault)
	if !ok {
		return fmt.Errorf("%s is not a fault", rule.Fault)
	}
	if len(rule.Fields) > 0 && string(rule.Fields) != "null" {
		if err := json.Unmarshal(rule.Fields, value); err != nil {
			return err
		}
	}
	switch rule.At {
	case "":
		rule.At = "call"
	case "call":
	case "task":
		switch rule.Method {
		case "CloneVM_Task", "ReconfigVM_Task", "PowerOffVM_Task", "SuspendVM_Task", "PowerOnMultiVM_Task", "Destroy_Task":
		default:
			return fmt.Errorf("the task of %s cannot be failed", rule.Method)
		}
	default:
		return fmt.Errorf("at is %q, must be call or task", rule.At)
	}
	rule.made = fault
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, rule)
	return nil
}

func (r *rules) addTrigger(t *trigger) error {
	if _, ok := signals[t.Signal]; !ok {
		return fmt.Errorf("unknown signal %q", t.Signal)
	}
	if t.When != "before" && t.When != "after" {
		return fmt.Errorf("when is %q, must be before or after", t.When)
	}
	if t.Method == "" || t.Nth < 1 || t.Pid < 0 {
		return fmt.Errorf("a trigger needs a method, nth from 1 and no negative pid")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.triggers = append(r.triggers, t)
	return nil
}

func (r *rules) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults, r.triggers = nil, nil
}

// fault gives the fault that a rule wants for this call, or nil.
func (r *rules) fault(at, method, object string) types.BaseMethodFault {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.faults {
		if rule.At != at || rule.Method != method || rule.Object != "" && rule.Object != object {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		if rule.Max > 0 && rule.fired >= rule.Max {
			continue
		}
		rule.fired++
		return rule.made
	}
	return nil
}

// due counts a call of a method and gives the triggers that act on it.
func (r *rules) due(method string) (due []*trigger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.triggers {
		if t.done || t.Method != method {
			continue
		}
		t.seen++
		if t.seen == t.Nth {
			t.done = true
			due = append(due, t)
		}
	}
	return due
}

func (r *rules) delay(method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.delays[method] + r.delays["*"]
}

func (r *rules) setDelays(ms map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delays = ms
}

func (r *rules) setOutage(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outage = on
}

func (r *rules) out() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outage
}

func (t *trigger) fire() {
	if t.Pid > 0 {
		_ = syscall.Kill(t.Pid, signals[t.Signal])
	}
}

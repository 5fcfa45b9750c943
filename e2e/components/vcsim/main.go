// Vcsim is the vCenter that vmgroup's tests run against: govmomi's simulator
// with one datacenter, an HTTP control port for the tests, and corrections
// where the simulator is more forgiving than a real vCenter.
//
// What is put right, and where:
//
//	property collectors    collector.go, sights.go, filter.go: what a change costs does not grow with
//	                       the number of VMs; an answer is kept until it is acknowledged, and given
//	                       again; other versions are InvalidCollectorVersion; an answer shows one moment
//	views                  views.go, listview.go: what is moved out of a container leaves; a list view
//	                       names what it does not know; each session has a default collector of its own
//	what is told           changes.go: a VM is shown when it is complete; numbers and UUIDs that a
//	                       reconfiguration sets are told
//	sessions               gateway.go, sessions.go: user and password are checked; nothing is read
//	                       without a session, and a wait ends with it; 100 at most (then 503), ended
//	                       after 30 minutes without a call; both can be set
//	clones                 corrections.go, birth.go: extraConfig and the hot-add flags of the source come along
//	                       unless the spec sets or blanks a key; what is gone is a fault, not a panic;
//	                       a taken instanceUuid is replaced, if asked for
//	reconfigurations       corrections.go: changeVersion is compared (ConcurrentAccess); processors and
//	                       memory of a running VM change only where hot-add is on
//	power                  tasks.go: PowerOnMultiVM_Task reports templates as not attempted
//	folders                tasks.go: UnregisterAndDestroy_Task exists and only unregisters the VMs
//	                       inside; Destroy_Task destroys everything below; neither while a clone is on
//	                       its way there
//	unreachable VMs        hidden.go, corrections.go: config is unset; calls on them are refused
//	tasks                  labels.go: a task names its user and the operationID of its call;
//	                       retention.go: it vanishes ten minutes after its end, or when asked for;
//	                       taskhistory.go: filters by user, state and entity are heeded
//	privileges             privileges.go: those that a test takes away are not listed, and the calls
//	                       that need them end in NoPermission
//	clock                  privileges.go: CurrentTime and createDate can be ahead or behind
//
// What stays laxer than a real vCenter, and why:
//
//	duplicate instanceUuid accepted by default and reported by the control port, so that no
//	                       duplicate of ours is healed before a test sees it
//	restart                loses the inventory, which is in memory: tests make an outage instead
//	other traversals,      refused as NotSupported in filters and task lists, because nothing of ours
//	recursion, time        asks for them; reads by RetrievePropertiesEx follow any traversal
//	an old version         gives the kept answer as it was, without what happened since
//	partialUpdates         taken as false: a changed property comes whole
//	space, DRS, licences   nothing runs out: tests ask for the faults by rule
//	other times            of tasks, sessions and events are by the machine's clock
//	privileges             are the user's everywhere, not by object
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

type options struct {
	listen   string
	control  string
	user     string
	password string
	bystand  int
	ready    string
	cert     string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the vSphere API (TLS); port 0 chooses a free one")
	flag.StringVar(&o.control, "control", "127.0.0.1:0", "address of the control port (plain HTTP)")
	flag.StringVar(&o.user, "user", "operator@vsphere.local", "user that may log in")
	flag.StringVar(&o.password, "password", "", "the user's password (or VCSIM_PASSWORD)")
	flag.IntVar(&o.bystand, "vms", 0, "number of bystander VMs that nobody may touch")
	flag.StringVar(&o.ready, "ready-file", "", "file that gets the addresses as JSON once both ports listen")
	flag.StringVar(&o.cert, "cert-file", "", "file that gets the certificate (PEM)")
	flag.Parse()
	if o.password == "" {
		o.password = os.Getenv("VCSIM_PASSWORD")
	}
	if err := serve(o); err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}

func serve(o options) error {
	if o.password == "" {
		return errors.New("a password is needed: -password or VCSIM_PASSWORD")
	}
	for _, address := range []string{o.listen, o.control} {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return fmt.Errorf("%s is not a loopback address", address)
		}
	}
	api, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", o.control)
	if err != nil {
		return err
	}
	tlsConfig, err := certificate(o.cert)
	if err != nil {
		return err
	}
	sim, err := newInventory(api.Addr().String(), o.user, o.password, o.bystand)
	if err != nil {
		return err
	}
	gate := newGateway(sim)

	failed := make(chan error, 2)
	go func() {
		server := &http.Server{Handler: gate, TLSConfig: tlsConfig, TLSNextProto: noHTTP2}
		failed <- server.ServeTLS(api, "", "")
	}()
	go func() { failed <- http.Serve(control, newControl(sim, gate)) }()
	log.Printf("vSphere API on %s, control port on %s", api.Addr(), control.Addr())
	if o.ready != "" {
		if err := announce(o.ready, api.Addr().String(), control.Addr().String()); err != nil {
			return err
		}
	}
	return <-failed
}

// announce appears under its final name only when complete.
func announce(path, api, control string) error {
	text, err := json.Marshal(map[string]any{"api": api, "control": control, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	partial := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.WriteFile(partial, text, 0o600); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// Vcsim is the vCenter that vmgroup's tests run against: govmomi's simulator
// with one datacenter, an HTTP control port for the tests, and corrections
// where the simulator is more forgiving than a real vCenter.
//
// What is put right here:
//   - user and password are checked, and a read without a live session answers
//     NotAuthenticated, also for a wait that was pending when the session ended;
//   - a clone inherits extraConfig (and the hot-add flags) of its source unless
//     the clone spec sets or blanks the key;
//   - UnregisterAndDestroy_Task exists and only unregisters the VMs inside;
//     Destroy_Task on a folder really destroys everything below it;
//   - PowerOnMultiVM_Task reports templates as not attempted (the simulator
//     ends with a panic); clones into or with objects that are gone are faults;
//   - processors and memory of a running VM change only where hot-add is on;
//   - config.* of an inaccessible or invalid VM is empty, and calls on a VM that
//     is not connected are refused;
//   - a VM that is moved out of the operator's folder leaves the views on it;
//   - a task names the user who asked for it, and its activationId is the
//     operationID header of the call.
//
// What stays laxer than a real vCenter: sessions are unlimited, versions of a
// collector are never invalid, tasks never expire, changeVersion is not
// compared, filters of task collectors are ignored, numbers (not strings) under
// config.* of an inaccessible VM read as 0. A duplicate instanceUuid is accepted
// and reported by the control port.
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

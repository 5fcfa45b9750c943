// Steward keeps the components of the tests in order.
//
//	steward run COMMAND [ARGUMENT...]
//
// runs a command for as long as steward's standard input stays open. etcd and
// kube-apiserver know no such flag, and a test that is killed cannot clean up
// after itself; the end of a pipe reaches steward however the test ended. The
// kernel ends the command when steward itself is killed.
//
//	steward keys PRIVATE PUBLIC
//
// writes the pair of keys that signs and checks the tokens of service accounts.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "steward:", err)
		os.Exit(1)
	}
}

func dispatch(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "run":
		return run(args[1:])
	case len(args) == 3 && args[0] == "keys":
		return keys(args[1], args[2])
	}
	return fmt.Errorf("usage: steward run COMMAND [ARGUMENT...] | steward keys PRIVATE PUBLIC")
}

func run(command []string) error {
	// The kernel's signal follows the thread that started the command, so that
	// thread must live as long as the process.
	runtime.LockOSThread()
	child := exec.Command(command[0], command[1:]...)
	child.Stdout = os.Stdout
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := child.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = child.Process.Kill()
	}()
	return child.Wait()
}

func keys(private, public string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	open, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := write(private, "PRIVATE KEY", secret); err != nil {
		return err
	}
	return write(public, "PUBLIC KEY", open)
}

func write(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// enterStores prepares `get` with keys in stores other than the OS keychain. Each store has its own
// pool.
func (f *field) enterStores(ctx context.Context) (err error) {
	identity := filepath.Join(f.Dir, "identity")
	if out, err := exec.CommandContext(ctx, "age-keygen", "-o", identity).CombinedOutput(); err != nil {
		return fmt.Errorf("age-keygen (of the Debian package age): %w: %s", err, out)
	}
	f.file, err = f.getFrom(ctx, "file", "`get`, keys in a file", "OCGO_KEY_IDENTITY="+identity)
	if err != nil {
		return err
	}
	const name = "`get`, keys in docker's helper"
	if f.docker.argv == nil {
		f.dockerStore = &contestant{name: name}
		return nil
	}
	f.dockerStore, err = f.getFrom(ctx, "docker:"+strings.TrimPrefix(dockerHelper, "docker-credential-"), name)
	return err
}

// getFrom fills a pool whose keys are in the store, and returns the command that gets this
// process's key.
func (f *field) getFrom(ctx context.Context, store, name string, env ...string) (*contestant, error) {
	h, err := f.newHome(strings.ReplaceAll(store, ":", "-"), unusedAddress)
	if err != nil {
		return nil, err
	}
	h.env = append(append(h.env, "OCGO_KEY_STORE="+store), env...)
	if err := f.fill(ctx, h, accounts); err != nil {
		return nil, err
	}
	get := &contestant{name: name, argv: []string{f.binary, "get"}, env: h.env, prints: exactly(keyOf(1))}
	if _, err = get.time(ctx); err != nil {
		return nil, err
	}
	return get, h.spaced(ctx, get)
}

package supervise

import (
	"context"
	"net"
	"net/http"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/version"
)

// pingTimeout is the time limit of the request to an outer gateway, which is on this machine.
const pingTimeout = time.Second

// outerGateway returns the gateway of the `run` that encloses this one, if that gateway answers.
func outerGateway(env []string) (endpoint, bool) {
	outer := endpoint{getenv(env, GatewayVariable), getenv(env, tokenVariable), getenv(env, zenVariable) != ""}
	if outer.url == "" || outer.token == "" {
		return endpoint{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, outer.url+gateway.PingPath, nil)
	if err != nil || outer.url != "http://"+req.URL.Host || !net.ParseIP(req.URL.Hostname()).IsLoopback() {
		return endpoint{}, false // not an address that ocgo-key wrote
	}
	proven := gateway.Challenge(req, outer.token)
	req.Header.Set("User-Agent", version.UserAgent())
	resp, err := helper.NewClient().Do(req)
	if err != nil {
		return endpoint{}, false
	}
	_ = resp.Body.Close()
	return outer, proven(resp)
}

// under runs the command on the gateway of the outer run, which chooses the accounts. If the outer
// run is killed, under ends its command, which would retry forever without a gateway.
func (r *Run) under(outer endpoint, client client) (wrapper.Status, error) {
	folder := r.folder(client)
	defer folder.Remove()
	command, err := r.pointAt(client, outer, folder)
	if err != nil {
		return wrapper.Status{}, err
	}
	lost, stop := gateway.Lost(outer.url, outer.token)
	defer stop()
	if client.joined() {
		two := r.openCode2(client)
		two.Server, two.mode, two.Lost = command.Env, Replay, lost
		return runOpenCode2(two, outer.url)
	}
	return runUntil(command, lost)
}

// runUntil runs a command to its end, or ends it when lost is closed.
func runUntil(command wrapper.Command, lost <-chan struct{}) (wrapper.Status, error) {
	orders, over := make(chan wrapper.Order, 1), make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-lost:
			orders <- wrapper.Order{}
		case <-over:
		}
	}()
	status, _, err := wrapper.Run(command, wrapper.Options{Orders: orders})
	return status, err
}

package cli

import (
	"context"
	"net/http"
	"time"

	"ocgo-key/helper"
	"ocgo-key/helper/gateway"
	"ocgo-key/helper/wrapper"
	"ocgo-key/internal/version"
)

// pingTimeout bounds the question to an outer gateway, which is on this machine.
const pingTimeout = time.Second

// outerGateway is the gateway of a `run` that this one is in, if it still answers.
func outerGateway(env []string) (endpoint, bool) {
	outer := endpoint{getenv(env, gatewayVariable), getenv(env, tokenVariable), getenv(env, zenVariable) != ""}
	if outer.url == "" || outer.token == "" {
		return endpoint{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, outer.url+gateway.PingPath, nil)
	if err != nil || outer.url != "http://"+req.URL.Host || !loopback(req.URL.Hostname()) {
		return endpoint{}, false // it is none that we wrote
	}
	req.Header.Set(gateway.TokenHeader, outer.token)
	req.Header.Set("User-Agent", version.UserAgent())
	resp, err := helper.NewClient().Do(req)
	if err != nil {
		return endpoint{}, false
	}
	_ = resp.Body.Close()
	return outer, resp.StatusCode == http.StatusNoContent
}

// runUnder runs the command on the outer gateway: it holds the account and fails over, and there is nothing left
// to do here but to be the command. Where the outer run is killed nobody ends this one, and without a gateway the command
// would try for ever: then it is ended as by a signal.
func (a *app) runUnder(outer endpoint, command wrapper.Command, client client) error {
	folder := a.runFolder(command.Env)
	defer folder.Remove()
	env, err := client.pointAt(outer, command.Env, folder)
	if err != nil {
		return err
	}
	lost, stop := gateway.Lost(outer.url, outer.token)
	defer stop()
	if client.joined() {
		two := a.openCode2(command, client)
		two.Server, two.OnLimit, two.Lost = env, replay, lost
		return runOpenCode2(two, outer.url)
	}
	command.Env = env
	return runUntil(command, lost)
}

// runUntil runs a command to its end, or ends it when lost is closed.
func runUntil(command wrapper.Command, lost <-chan struct{}) error {
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
	if err != nil {
		return err
	}
	return ended(status)
}

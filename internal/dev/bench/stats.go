package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantile returns the q-quantile of the samples, by the nearest rank. It sorts the samples.
// Without samples it returns NaN.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	slices.Sort(samples)
	rank := int(math.Ceil(q*float64(len(samples)))) - 1
	return samples[min(max(rank, 0), len(samples)-1)]
}

// median sorts a copy, so the samples keep their order: the index is the round.
func median(samples []float64) float64 { return quantile(slices.Clone(samples), 0.5) }

// spread returns the range of the middle half of the samples.
func spread(samples []float64) string {
	s := slices.Clone(samples)
	return fmt.Sprintf("%.2f–%.2f", quantile(s, 0.25), quantile(s, 0.75))
}

// paired applies f to the samples of the same round.
func paired(a, b []float64, f func(a, b float64) float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = f(a[i], b[i])
	}
	return out
}

func minus(a, b float64) float64 { return a - b }
func per(a, b float64) float64   { return a / b }

// milliseconds returns d in milliseconds.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ms formats milliseconds.
func ms(v float64) string { return fmt.Sprintf("%.3f ms", v) }

// times formats a ratio.
func times(v float64) string { return fmt.Sprintf("%.2f", v) }

// mb formats bytes as megabytes of 2^20.
func mb(v float64) string { return fmt.Sprintf("%.1f MB", v/(1<<20)) }

// Package probes asks one component how it is: one file per kind (http, tcp,
// dns, mysql, elasticsearch, kafka, rabbitmq, redis, flink, kafka-connect), and
// the detectors (window, streak) that turn single answers into a judgement.
//
// It does not: schedule, keep history beyond a detector's window, change
// anything at the target, or know sites and platforms.
//
// It may be imported by backend only. It imports nothing of dutyops.
package probes

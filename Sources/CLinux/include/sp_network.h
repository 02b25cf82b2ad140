// SPDX-License-Identifier: Apache-2.0
// Formats of netlink and packet sockets, and the socket options whose headers clash with libc's.
#pragma once
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>

// linux/in.h and linux/in6.h
static const int SP_IP_PKTINFO = 8;
static const int SP_IP_TRANSPARENT = 19;
static const int SP_IPV6_V6ONLY = 26;
static const int SP_IPV6_RECVPKTINFO = 49;
static const int SP_IPV6_TRANSPARENT = 75;
static const int SP_IPV6_FREEBIND = 78;
// linux/if_ether.h
static const uint16_t SP_ETH_P_ALL = 0x0003;
static const uint16_t SP_ETH_P_IP = 0x0800;
static const uint16_t SP_ETH_P_IPV6 = 0x86DD;
// linux/netfilter.h
static const uint8_t SP_NFPROTO_INET = 1;
static const uint8_t SP_NFPROTO_IPV4 = 2;
static const uint8_t SP_NFPROTO_IPV6 = 10;
static const uint32_t SP_NF_INET_PRE_ROUTING = 0;
static const uint32_t SP_NF_ACCEPT = 1;

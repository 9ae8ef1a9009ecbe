# The image that `faultlab image build` makes, for machines with a registry at hand and without the packages:
#   docker build -t faultlab/node:latest -f ci/node.Dockerfile ci
# faultlab takes it where it cannot make its own. Its C library must not be older than that of the faultlab binary.
FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      frr openvswitch-switch iproute2 iputils-ping iputils-arping iputils-tracepath procps \
      ethtool iperf3 less mtr-tiny netbase netcat-openbsd nftables tcpdump traceroute libgcc-s1 \
 && rm -rf /var/lib/apt/lists/* /etc/frr/frr.conf \
 && touch /etc/frr/vtysh.conf
CMD ["/bin/sh"]

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handshake over one slot of the SIM page
 *
 * Posters queue and request; the target's vCPU delivers; the guest takes the
 * message, frees the slot, looks at MessagePending and writes EOM.  The guest's
 * handler may run on another vCPU than the one that delivers, so every step of
 * the two can interleave.
 *
 *	-DAUTOEOI	no EOI: only EOM and the next message try again
 *	-DNO_RECHECK	mistake: MessageType is not read again after MessagePending
 *			was set
 *	-DONE_WORD	mistake: MessagePending is set by writing the header whole
 *
 * The steps are those of hv_msg_deliver_sint(), hv_slot_claim() and
 * hv_slot_fill() in hv_synic_msg.c.  Memory is sequentially consistent here: the
 * two full barriers of the protocol give it that where it matters.
 */

#define POSTERS		2
#define EACH		2
#define MESSAGES	(POSTERS * EACH)

/* A message is (poster + 1) * 16 + its number from 1; 0 is no message. */
#define MSG(who, nr)	(((who) + 1) * 16 + (nr))
#define WHO(msg)	((msg) / 16 - 1)
#define NR(msg)		((msg) % 16)

/* The slot */
byte slot_type;
byte slot_payload;
bit slot_pending;

/* The hypervisor */
chan queue = [MESSAGES] of { byte };
bool request;
byte posted;

/* The guest */
bool irq;
byte received;
byte last[POSTERS];

inline acked()
{
	if
	:: nempty(queue) -> request = true
	:: else
	fi
}

proctype poster(byte who)
{
	byte nr = 1;

	do
	:: nr <= EACH ->
		atomic {
			queue ! MSG(who, nr);
			posted++
		}
		request = true;
		nr++
	:: else -> break
	od
}

/* Free the slot for a message, or tell the guest; free says which. */
inline claim()
{
	free = (slot_type == 0);
	if
	:: free
	:: else ->
#ifdef ONE_WORD
		/* What was read of the type goes back with the flag. */
		type = slot_type;
		d_step { slot_type = type; slot_pending = 1 };
#else
		slot_pending = 1;
#endif
#ifndef NO_RECHECK
		free = (slot_type == 0)
#endif
	fi
}

proctype deliver()
{
	byte msg, type;
	bool free;
	bit more;

end:	do
	:: request ->
		request = false;
		if
		:: empty(queue)
		:: nempty(queue) ->
			atomic {
				queue ? <msg>;
				more = (len(queue) > 1)
			}
			claim();
			if
			:: !free
			:: free ->
				slot_payload = msg;
				slot_pending = more;
				d_step {
					/* Nobody's message is overwritten. */
					assert(slot_type == 0);
					slot_type = msg
				}
				queue ? msg;
				irq = true
			fi
		fi
	od
}

proctype guest()
{
	byte msg;

end:	do
	:: irq ->
		irq = false;
		msg = slot_type;
		if
		:: msg == 0
		:: msg != 0 ->
			/* Whole, once, and in its poster's order */
			assert(slot_payload == msg);
			assert(NR(msg) == last[WHO(msg)] + 1);
			last[WHO(msg)] = NR(msg);
			received++;

			slot_type = 0;
			if
			:: slot_pending -> acked()
			:: else
			fi
		fi
#ifndef AUTOEOI
		;
		acked()
#endif
	od
}

/* Everybody waits: then nothing is left behind. */
proctype monitor()
{
	timeout;
	assert(posted == MESSAGES);
	assert(received == MESSAGES)
}

init {
	byte i;

	atomic {
		for (i : 0 .. POSTERS - 1) {
			run poster(i)
		}
		run deliver();
		run guest();
		run monitor()
	}
}

"""Plain text: a notice as it arrives by mail, and a letter from an older system."""

MAINTENANCE = """\
From: Operations <ops@cloudmere.example>
To: Service contacts of Harrowgate Water Company
Date: Tue, 8 April 2025
Subject: Planned maintenance of the primary data centre, 26 and 27 April 2025

Dear customer,

we shall replace the uninterruptible power supply of our primary data centre in Fenwick during the weekend of
26 and 27 April 2025. This is the work announced in our letter of 10 January. It is planned maintenance in the
sense of clause 5.3 of the Hosting Services Agreement and does not count against the availability figures.

What happens, and when (all times are local time):

  Saturday 26 April, 20:00   databases switch to the secondary site at Northcombe; writes stop for up to 90 seconds
  Saturday 26 April, 20:30   power feed A is taken out of service; the site runs on feed B
  Sunday 27 April, 02:00     new units on feed A are tested under load for two hours
  Sunday 27 April, 04:30     the same for feed B; the site runs on feed A
  Sunday 27 April, 09:00     databases switch back; writes stop again for up to 90 seconds
  Sunday 27 April, 10:00     end of the maintenance window

What you may notice:

  * The customer portal shows a banner and is read-only during the two switches.
  * Telemetry gateways keep their readings and send them afterwards. A gateway holds 72 hours of readings at the
    usual rate, so nothing is lost even if the work has to be broken off and repeated.
  * Reports that are scheduled between 20:00 and 10:00 run on Sunday after 10:00. They are dated as planned.
  * Nightly backups are made at the secondary site. The retention of 35 days is not affected.

What we ask you to do:

  1. Do not start bulk imports between Saturday 19:00 and Sunday 10:30.
  2. If your own systems hold long-lived connections to the database endpoint, make sure that they reconnect. The
     name of the endpoint stays the same, its address does not.
  3. Tell us by Friday 18 April if the dates collide with something that cannot be moved. We have kept the weekend of
     10 and 11 May in reserve.

If something goes wrong, call the duty engineer on 01632 960 900, which is staffed through the whole weekend, and
give the reference CHG-2025-0426. The state of the work is shown at status.cloudmere.example every thirty minutes.

Should we have to go back, we decide so no later than Sunday 06:00. In that case the old units stay in service, the
databases switch back at 07:00, and you hear from us by 12:00.

With kind regards

Ines Valcourt
Head of Operations
Cloudmere Hosting Ltd, 12 Signal Hill, Fenwick-on-Sea FX9 1AB
"""

FEE_CHANGE = """\
CAFÉ ÉTOILE CATERING
3 Market Row, Ketteridge KT7 1AA

To our regular customers                                                 1 May 2025

CHANGE OF PRICES AS OF 1 JULY 2025

Ladies and gentlemen,

after two years without a change we have to adjust the prices of our office catering. Coffee has become dearer by
a third, and since April we pay our staff the new rate for early shifts. The new prices apply to all orders that are
delivered on or after 1 July 2025, including standing orders:

    Breakfast basket, per person            £ 6.80   (until now £ 6.20)
    Sandwich platter, 20 pieces             £ 44.00  (until now £ 39.50)
    Pâté and crudités, 10 persons           £ 58.00  (unchanged)
    Hot lunch buffet, per person            £ 14.90  (until now £ 13.50)
    Filter coffee, urn of 5 litres          £ 21.00  (until now £ 18.00)
    Delivery within Ketteridge              free     (unchanged)
    Delivery up to 15 miles                 £ 9.00   (until now £ 7.50)

The minimum order stays at £ 60.00. Orders can be changed free of charge until 14:00 on the working day before; after
that we charge half of the price, and the full price on the day itself.

Standing orders may be ended with four weeks' notice at the end of a month. If you do not agree to the new prices you
may also end them on 30 June 2025, with one week's notice, by a letter or an e-mail to orders@cafe-etoile.example. If
we hear nothing, we take it that you want us to go on.

We thank you for your trust – and for finishing the crème brûlée, every time.

Hélène Marchetti
"""
